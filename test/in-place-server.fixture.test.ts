import type { IncomingMessage, ServerResponse } from 'node:http';

import { OneArchiveServer } from './one-archive-server.fixture.test.js';

/** The plainest server of ranges: what is put overwrites what is there, byte by byte as it comes. */
export class InPlaceServer extends OneArchiveServer {
  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'PUT') await this.#put(request, response);
    else this.#get(request, response);
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
