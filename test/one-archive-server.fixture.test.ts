import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of one archive, under one URL; what it makes of a request is up to its kind. */
export abstract class OneArchiveServer {
  /** What is there; empty where nothing is. */
  stored: Buffer = Buffer.alloc(0);
  readonly #server = createServer((request, response) => {
    // Where the sender has gone nobody is answered.
    this.answer(request, response).catch(() => response.destroy());
  });

  protected abstract answer(request: IncomingMessage, response: ServerResponse): Promise<void>;

  async listen(): Promise<this> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/a.zip`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
