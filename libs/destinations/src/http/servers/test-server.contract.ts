import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request as a test server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Of the connection it came on. */
  readonly port: number;
}

export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

/** Answers a request; `false` leaves it to the next one. */
export type Behaviour = (
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<boolean | undefined> | boolean | undefined;

/** A small HTTP server with one archive. What it does is up to its behaviours, asked in order. */
export class TestServer {
  content: Buffer | undefined;
  lastModified = 'Mon, 23 Nov 2026 07:00:00 GMT';
  readonly seen: SeenRequest[] = [];
  /** Asked before the behaviours that the server was opened with. */
  readonly scripted: Behaviour[] = [];
  readonly failures: unknown[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: URL,
  ) {}

  static open(...behaviours: ((server: TestServer) => Behaviour)[]): Promise<TestServer> {
    return TestServer.#serve(createServer(), 'http', behaviours);
  }

  static openTls(tls: KeyAndCertificate, ...behaviours: ((server: TestServer) => Behaviour)[]): Promise<TestServer> {
    return TestServer.#serve(createTlsServer(tls), 'https', behaviours);
  }

  static async #serve(
    server: Server,
    scheme: 'http' | 'https',
    behaviours: ((server: TestServer) => Behaviour)[],
  ): Promise<TestServer> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const opened = new TestServer(server, new URL(`${scheme}://127.0.0.1:${port}/archives/a.zip?sig=secret`));
    const made = behaviours.map((make) => make(opened));
    server.on('request', (request, response) => {
      opened.#handle(request, response, made).catch((error: unknown) => {
        opened.failures.push(error);
        response.destroy();
      });
    });
    return opened;
  }

  get etag(): string {
    const hash = createHash('sha256').update(this.content ?? '');
    return `"${hash.digest('hex').slice(0, 16)}"`;
  }

  requests(method: string): SeenRequest[] {
    return this.seen.filter((request) => request.method === method);
  }

  /** The one behaviour for the next requests of a method, one each. */
  script(method: string, ...answers: Behaviour[]): void {
    const left = [...answers];
    this.scripted.push((request, response) => {
      const next = request.method === method ? left.shift() : undefined;
      return next === undefined ? false : next(request, response);
    });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse, made: Behaviour[]): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, url, headers, port: request.socket.remotePort ?? 0 });
    for (const behaviour of [...this.scripted, ...made]) {
      if ((await behaviour(request, response)) !== false) return;
    }
    response.writeHead(405).end();
  }
}

/** Answers with a status and, if need be, headers; the body of the request is read first. */
export function answer(status: number, headers: Record<string, string> = {}, body = ''): Behaviour {
  return async (request, response) => {
    await buffer(request);
    response.writeHead(status, headers).end(body);
    return true;
  };
}

/** Of a PUT, as numbers; undefined where it has none. */
export function putRange(request: IncomingMessage): { start: number; end: number; total: number } | undefined {
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(request.headers['content-range'])) ?? [];
  return start === undefined ? undefined : { start: Number(start), end: Number(end), total: Number(total) };
}

export function getRange(request: IncomingMessage): { start: number; end: number } | undefined {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  return start === undefined ? undefined : { start: Number(start), end: Number(end) };
}
