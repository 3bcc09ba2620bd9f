import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A server that knows no ranges: it takes an archive in one PUT, and gives all of it back. It has one archive. */
export class WholeServer {
  /** What was put last; empty where nothing was. */
  stored: Buffer = Buffer.alloc(0);

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async open(): Promise<WholeServer> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new WholeServer(server);
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
      const body = await buffer(request);
      if (request.method !== 'PUT') response.writeHead(200, { 'content-length': this.stored.length }).end(this.stored);
      else if (request.headers['content-range'] !== undefined) response.writeHead(400).end();
      else {
        this.stored = body;
        response.writeHead(204).end();
      }
    } catch {
      response.destroy(); // the sender has gone
    }
  }
}
