import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server that can be cut and mended, as a network would be. */
export class TcpProxy {
  readonly #sockets = new Set<Socket>();
  #state: 'WHOLE' | 'CUT' | 'SWALLOWING' = 'WHOLE';
  #cutting: { readonly words: string; readonly done: () => void } | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {}

  static async open(target: { host: string; port: number }): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, target);
    server.on('connection', (client) => proxy.#accept(client));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  /** The same URL by way of this proxy. */
  urlOf(url: string): string {
    const { port } = this.server.address() as AddressInfo;
    const proxied = new URL(url);
    proxied.hostname = '127.0.0.1';
    proxied.port = String(port);
    return proxied.href;
  }

  /** Breaks every connection and lets none in until {@link mend}. */
  cut(): void {
    this.#state = 'CUT';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks the first connection whose client says these words, and no other; resolves then. */
  cutWhenSaid(words: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#cutting = { words, done: () => resolve(undefined) };
    return promise;
  }

  /** Connections stay open and nothing gets through any more, until {@link mend} breaks them. */
  swallow(): void {
    this.#state = 'SWALLOWING';
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#state = 'WHOLE';
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#state === 'CUT') {
      client.destroy();
      return;
    }
    const server = connect(this.target);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk) => {
        if (from === client && this.#cutting && chunk.includes(this.#cutting.words)) {
          client.destroy();
          this.#cutting.done();
          this.#cutting = undefined;
        } else if (this.#state === 'WHOLE') to.write(chunk);
      });
    }
  }
}
