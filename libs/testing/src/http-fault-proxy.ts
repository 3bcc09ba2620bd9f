import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { FaultyExchange, type ProxiedExchange, type ProxiedRequest } from './faulty-exchange.js';
import type { Fault } from './http-faults.js';

/** Asked for each request, and waited for before anything of it goes on. */
export type FaultOf = (request: ProxiedRequest) => Fault | undefined | Promise<Fault | undefined>;

/** A way to one HTTP server on which each exchange can go wrong, as told; all others go through as they are, streamed. */
export class HttpFaultProxy {
  #exchanges: FaultyExchange[] = [];
  #faultOf: FaultOf = () => undefined;
  #count = 0;
  /** What broke on the way to the origin without having been told to. */
  readonly failures: unknown[] = [];

  private constructor(
    private readonly server: Server,
    private readonly origin: URL,
  ) {}

  static async open(origin: string): Promise<HttpFaultProxy> {
    const server = createServer();
    const proxy = new HttpFaultProxy(server, new URL(origin));
    server.on('request', (request, response) => void proxy.#answer(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  /** The same URL by way of this proxy. */
  urlOf(url: string): string {
    const proxied = new URL(url);
    proxied.port = String((this.server.address() as AddressInfo).port);
    return proxied.href;
  }

  /** Everything is counted and recorded anew. */
  give(faultOf: FaultOf): void {
    this.#faultOf = faultOf;
    this.#exchanges = [];
    this.#count = 0;
  }

  /** In the order in which the requests came. */
  get seen(): readonly ProxiedExchange[] {
    return this.#exchanges;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const facts = {
      number: ++this.#count,
      method: request.method ?? '',
      range: rangeOf(request),
      atMillis: performance.now(),
    };
    const exchange = new FaultyExchange(facts, { request, response, origin: this.origin });
    this.#exchanges.push(exchange);
    try {
      await exchange.run(await this.#faultOf(facts));
    } catch (error) {
      const isGone = request.socket.destroyed;
      if (!exchange.happened && !isGone) this.failures.push(error);
      response.destroy();
    }
  }
}

function rangeOf({ headers }: IncomingMessage): ProxiedRequest['range'] {
  const [, start, last] = /^bytes[ =](\d+)-(\d+)/.exec(headers['content-range'] ?? headers.range ?? '') ?? [];
  return start === undefined ? undefined : { start: Number(start), end: Number(last) + 1 };
}
