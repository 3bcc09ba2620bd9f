import { createServer, connect, type Server, type Socket } from 'node:net';

/** A proxy before a database that can stop to pass anything on, without closing a connection. */
export class SwallowingNetwork {
  readonly #sockets: Socket[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async before(databaseUrl: string): Promise<SwallowingNetwork> {
    const url = new URL(databaseUrl);
    const { hostname, port } = url;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address) url.port = String(address.port);
    const network = new SwallowingNetwork(server, url.href);
    server.on('connection', (near) => network.#pass(near, connect(Number(port || 5432), hostname)));
    return network;
  }

  /** Connections that are open go nowhere from now on; new ones are passed on. */
  swallow(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  #pass(near: Socket, far: Socket): void {
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far).pipe(near);
    this.#sockets.push(near, far);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
