import { EventEmitter, once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { StatementReader, type Statement } from './statements.js';
import { testServerUrl } from './test-database.js';

/** What a client says as it ends its connection, as a pool does with one that has nothing to do. */
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

/** Connections of one name that are held up. */
export interface HeldConnections {
  /** Resolves when the first of them has something to say that is held. */
  readonly reached: Promise<unknown>;
  /** Resolves when so many of them have. */
  reachedBy(connections: number): Promise<void>;
  /** What they say goes on its way. */
  release(): void;
}

interface Hold {
  readonly applicationName: string;
  readonly saying: string;
  /** Those that have had something to say. */
  readonly connections: Set<number>;
  readonly arrivals: EventEmitter;
  readonly released: PromiseWithResolvers<undefined>;
}

/** A way to the test server, or another one, on which connections can be held up, by the name that they give themselves, or all be cut. */
export class PostgresProxy {
  readonly #holds = new Set<Hold>();
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  #accepted = 0;
  #heard: Statement[] | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  static async open(serverUrl = testServerUrl()): Promise<PostgresProxy> {
    const server = createServer();
    const proxy = new PostgresProxy(server, new URL(serverUrl));
    server.on('connection', (client) => proxy.#accept(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** The same database by way of here. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /**
   * Connections that have this `application_name`, and new ones with it, get nothing that has these words through to the
   * server; only their end goes through.
   */
  hold(applicationName: string, saying = ''): HeldConnections {
    const released = Promise.withResolvers<undefined>();
    const hold = { applicationName, saying, connections: new Set<number>(), arrivals: new EventEmitter(), released };
    this.#holds.add(hold);
    const reachedBy = async (count: number): Promise<void> => {
      while (hold.connections.size < count) await once(hold.arrivals, 'one');
    };
    return {
      reached: reachedBy(1),
      reachedBy,
      release: () => {
        this.#holds.delete(hold);
        released.resolve(undefined);
      },
    };
  }

  /** What is said to the server during `work`, in its order; one such work at a time. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly statements: readonly Statement[] }> {
    const statements: Statement[] = [];
    this.#heard = statements;
    try {
      return { value: await work(), statements };
    } finally {
      this.#heard = undefined;
    }
  }

  /** Breaks every connection and lets none in until {@link mend}. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const server = connect({ host: this.target.hostname, port: Number(this.target.port || 5432) });
    this.#join(client, server);
    this.#join(server, client);
    server.pipe(client);
    void this.#forward(client, server);
  }

  /** Where one end closes the other does: a killed client must not leave its session behind. */
  #join(one: Socket, other: Socket): void {
    this.#sockets.add(one);
    one.on('error', () => undefined);
    one.once('close', () => {
      this.#sockets.delete(one);
      other.destroy();
    });
  }

  async #forward(client: Socket, server: Socket): Promise<void> {
    const connection = this.#accepted++;
    const reader = new StatementReader();
    let by: string | undefined;
    try {
      for await (const chunk of client as AsyncIterable<Buffer>) {
        by ??= applicationNameIn(chunk);
        for (const text of reader.read(chunk)) this.#heard?.push({ by, connection, text });
        await this.#passable({ by, connection }, chunk);
        if (!server.write(chunk)) await once(server, 'drain');
      }
      server.end();
    } catch {
      server.destroy();
    }
    this.#heard?.push({ by: by ?? '', connection, text: null });
  }

  async #passable({ by, connection }: Pick<Statement, 'by' | 'connection'>, chunk: Buffer): Promise<void> {
    if (chunk.equals(TERMINATE)) return;
    for (const hold of this.#holds) {
      if (hold.applicationName !== by || !chunk.includes(hold.saying)) continue;
      hold.connections.add(connection);
      hold.arrivals.emit('one');
      await hold.released.promise;
    }
  }
}

/** From a startup message: after eight bytes, names and values, each ended by a zero byte. */
function applicationNameIn(startup: Buffer): string {
  const words = startup.subarray(8).toString().split('\0');
  const at = words.indexOf('application_name');
  return at < 0 ? '' : (words[at + 1] ?? '');
}
