import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A server that takes PUTs and GETs of ranges, as the contract asks for, and can be held up. It has one archive. */
export class RangedServer {
  /** The `Content-Range` of each PUT that was answered. */
  readonly taken: string[] = [];
  /** When each of them came, by the clock of this machine. */
  readonly takenAtMillis: number[] = [];
  /** `Authorization` and target of each request. */
  readonly asked: string[] = [];
  #refusal: number | undefined;
  #stored = Buffer.alloc(0);
  #holdAfter = Infinity;
  #held = Promise.withResolvers<undefined>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async open(): Promise<RangedServer> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new RangedServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/a.zip`;
  }

  /** PUTs after so many more are not answered; resolves when one has come. */
  holdAfter(count: number): Promise<undefined> {
    this.#holdAfter = this.taken.length + count;
    this.#held = Promise.withResolvers();
    return this.#held.promise;
  }

  /** What is asked from now on is answered. */
  release(): void {
    this.#holdAfter = Infinity;
  }

  /** Every request is answered with this status from now on. */
  refuse(status: number): void {
    this.#refusal = status;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`);
    try {
      if (this.#refusal !== undefined) {
        await buffer(request);
        response.writeHead(this.#refusal).end();
      } else if (request.method === 'PUT') await this.#put(request, response);
      else this.#get(request, response);
    } catch {
      response.destroy(); // the sender has gone
    }
  }

  async #put(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const range = request.headers['content-range'] ?? '';
    const [start = 0, , total = 0] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? []).slice(1).map(Number);
    const body = await buffer(request);
    if (this.taken.length >= this.#holdAfter) {
      this.#held.resolve(undefined);
      return;
    }
    if (this.#stored.length !== total) this.#stored = Buffer.alloc(total);
    body.copy(this.#stored, start);
    this.taken.push(range);
    this.takenAtMillis.push(Date.now());
    response.writeHead(204).end();
  }

  #get(request: IncomingMessage, response: ServerResponse): void {
    const [start = 0, last = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []).slice(1).map(Number);
    const bytes = this.#stored.subarray(start, last + 1);
    const range = `bytes ${start}-${start + bytes.length - 1}/${this.#stored.length}`;
    response.writeHead(206, { 'content-range': range, 'content-length': bytes.length }).end(bytes);
  }
}
