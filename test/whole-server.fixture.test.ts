import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

import { OneArchiveServer } from './one-archive-server.fixture.test.js';

/** A server that knows no ranges: it takes an archive in one PUT, and gives all of it back. */
export class WholeServer extends OneArchiveServer {
  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    if (request.method !== 'PUT') response.writeHead(200, { 'content-length': this.stored.length }).end(this.stored);
    else if (request.headers['content-range'] !== undefined) response.writeHead(400).end();
    else {
      this.stored = body;
      response.writeHead(204).end();
    }
  }
}
