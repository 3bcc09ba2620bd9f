import type { ServerExit } from '../host/kept-program.js';

/** Settings of the server by name, as in postgresql.conf. */
export type ServerSettings = Readonly<Record<string, string | number>>;

/** A PostgreSQL server that belongs to this process and ends with it, however that ends. */
export interface LocalPostgres {
  /** `postgres://…` of its superuser, password included: a secret. */
  readonly url: string;
  readonly port: number;
  /** Of the server, such as `18.4`. */
  readonly version: string;
  /** Of the server's main process. */
  readonly pid: number;
  /** Fast shutdown; resolves when the server is gone. Again is fine. */
  stop(): Promise<void>;
  /** Resolves, never rejects, when the server has ended: by `stop` or by itself. */
  readonly exited: Promise<ServerExit>;
}
