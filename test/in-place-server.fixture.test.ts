import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The plainest server of ranges: what is put overwrites what is there, byte by byte as it comes. It has one archive. */
export class InPlaceServer {
  /** What is there; empty where nothing is. */
  stored: Buffer = Buffer.alloc(0);

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async open(): Promise<InPlaceServer> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new InPlaceServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/a.zip`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method === 'PUT') await this.#put(request, response);
      else this.#get(request, response);
    } catch {
      response.destroy(); // the sender has gone
    }
  }

  /** A file is made as long as the total says when the first byte comes, whatever its length was. */
  async #put(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const range = request.headers['content-range'] ?? '';
    const [start = 0, , total = 0] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? []).slice(1).map(Number);
    let at = start;
    for await (const bytes of request as AsyncIterable<Buffer>) {
      if (this.stored.length !== total) this.stored = resized(this.stored, total);
      at += bytes.copy(this.stored, at);
    }
    response.writeHead(204).end();
  }

  #get(request: IncomingMessage, response: ServerResponse): void {
    const { length } = this.stored;
    const [start, last] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []).slice(1).map(Number);
    if (length === 0) response.writeHead(404).end();
    else if (start === undefined) response.writeHead(200, { 'content-length': length }).end(this.stored);
    else if (start >= length) response.writeHead(416, { 'content-range': `bytes */${length}` }).end();
    else {
      const bytes = this.stored.subarray(start, (last ?? 0) + 1);
      const range = `bytes ${start}-${start + bytes.length - 1}/${length}`;
      response.writeHead(206, { 'content-range': range, 'content-length': bytes.length }).end(Buffer.from(bytes));
    }
  }
}

function resized(old: Buffer, length: number): Buffer {
  const made = Buffer.alloc(length);
  old.copy(made);
  return made;
}
