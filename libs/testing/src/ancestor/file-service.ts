import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

/** What one path of the ancestor's file service holds; undefined where nobody has written yet. */
export interface AncestorFile {
  content: Buffer | undefined;
}

/** A request as the service saw it. */
export interface AncestorRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Of the body that it sent, or of the one that it was answered with, whichever is larger. */
  readonly bytes: number;
}

const MOST_BYTES = 64 * 1024 * 1024;
const LARGEST_NUMBER = 2 ** 31 - 1;
const OCTETS = 'application/octet-stream';
const TEXT = /json|text|css|script|html|xml|yaml|yml/;

/** The ancestor's file service: it has the files that it was opened with, empty at first, and is not asked to make any. */
export class AncestorFileService {
  readonly seen: AncestorRequest[] = [];

  private constructor(
    private readonly server: Server,
    private readonly files: ReadonlyMap<string, AncestorFile>,
  ) {
    server.on('request', (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async open(...paths: readonly string[]): Promise<AncestorFileService> {
    const files = new Map(paths.map((path) => [path, { content: Buffer.alloc(0) }]));
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new AncestorFileService(server, files);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  content(path: string): Buffer {
    return this.files.get(path)?.content ?? Buffer.alloc(0);
  }

  requests(method: string, path: string): AncestorRequest[] {
    return this.seen.filter((request) => request.method === method && request.path === path);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const file = this.files.get(path);
    let bytes = 0;
    if (file) bytes = await answerAsAncestor(file, request, response);
    else answer(response, 404, {});
    this.seen.push({ method, path, headers, bytes });
  }
}

/**
 * Writes at the start of a range and never truncates, sends back what it got; answers closed ranges with 200 and leaves
 * the last byte out, and others with 400. Resolves with the bytes of the larger body.
 */
export async function answerAsAncestor(
  file: AncestorFile,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number> {
  if (request.method === 'PUT') return await put(file, request, response);
  if (request.method === 'GET') return get(file, request, response);
  return answer(response, 405, {});
}

async function put(file: AncestorFile, request: IncomingMessage, response: ServerResponse): Promise<number> {
  const body = await buffer(request);
  const { 'content-type': type = 'application/json', 'content-range': range } = request.headers;
  if (TEXT.test(type) || body.length > MOST_BYTES) return Math.max(body.length, answer(response, 400, {}));
  const start = range === undefined ? '0' : / (\d+)-\d+\/\d+/.exec(range)?.[1];
  if (start === undefined) return answer(response, 500, { type: 'application/json', body });
  const at = Number(start);
  const old = file.content ?? Buffer.alloc(0);
  const content = Buffer.alloc(Math.max(old.length, at + body.length));
  old.copy(content);
  body.copy(content, at);
  file.content = content;
  return answer(response, 200, { type: OCTETS, body });
}

function get({ content }: AncestorFile, request: IncomingMessage, response: ServerResponse): number {
  const { range, 'accept-encoding': accepts = '' } = request.headers;
  if (content === undefined) return answer(response, 404, {});
  if (range === undefined) return answer(response, 200, { type: 'application/json', body: '{"writeFinished":false}' });
  const [, from, to] = /=(\d+)-(\d+)/.exec(range) ?? [];
  const [start, end] = [Number(from), Math.min(Number(to), content.length)];
  const isNumber = Math.max(start, Number(to)) <= LARGEST_NUMBER;
  if (!isNumber || end < start) {
    const message = isNumber ? `capacity < 0: (${end - start} < 0)` : 'For input string: ""';
    return answer(response, 400, { type: 'application/json', body: JSON.stringify({ message }) });
  }
  const headers = { 'content-range': `bytes ${start}-${end}/${content.length}` };
  const body = content.subarray(start, end);
  if (!accepts.includes('gzip')) return answer(response, 200, { type: OCTETS, body, headers });
  const encoded = { ...headers, 'content-encoding': 'gzip' };
  return answer(response, 200, { type: OCTETS, body: gzipSync(body), headers: encoded });
}

interface Answer {
  readonly type?: string;
  readonly body?: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
}

function answer(response: ServerResponse, status: number, { type, body = '', headers = {} }: Answer): number {
  const bytes = Buffer.byteLength(body);
  const described = type === undefined ? {} : { 'content-type': type };
  response.writeHead(status, { ...described, ...headers, 'content-length': bytes }).end(body);
  return bytes;
}
