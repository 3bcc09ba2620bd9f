import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

/** What has been fetched by way of a proxy. */
export interface Fetched {
  readonly gets: number;
  /** Of the bodies that came for them, as far as they were passed on; heads do not count. */
  readonly bytes: number;
}

/** A way to an HTTP server that counts what is read from it, and changes nothing. */
export class CountingProxy {
  #gets = 0;
  #bytes = 0;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(
    private readonly server: Server,
    private readonly target: string,
  ) {
    server.on('request', (asked, answered) => this.#pass(asked, answered));
  }

  static async open(target: string): Promise<CountingProxy> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new CountingProxy(server, target);
  }

  /** Where it listens, in the place of its target. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What `work` fetched, and what came of it; nothing else may be under way. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly fetched: Fetched }> {
    const [gets, bytes] = [this.#gets, this.#bytes];
    const value = await work();
    return { value, fetched: { gets: this.#gets - gets, bytes: this.#bytes - bytes } };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
    this.#agent.destroy();
  }

  #pass(asked: IncomingMessage, answered: ServerResponse): void {
    const { method, headers } = asked;
    const isGet = method === 'GET';
    if (isGet) this.#gets++;
    const passed = request(new URL(asked.url ?? '/', this.target), { method, headers, agent: this.#agent });
    passed.once('response', (answer) => {
      if (isGet) answer.on('data', (chunk: Buffer) => (this.#bytes += chunk.length));
      answered.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, answered, () => undefined);
    });
    passed.on('error', () => answered.destroy());
    pipeline(asked, passed, (error) => error && answered.destroy());
  }
}
