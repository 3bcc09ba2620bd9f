import { Socket } from 'node:net';

import pg from 'pg';

import type { Logger } from '@tidemark/platform';

import { lendingSocket } from './lending-socket.js';

/**
 * The pools of one index-service, apart so that no kind of work can starve another: a snapshot's holders and the
 * owners of staged generations keep a connection for long, readers and writers for moments.
 */
export interface Connections {
  readonly readers: pg.Pool;
  readonly writers: pg.Pool;
  /** Streams of parts, out and in. */
  readonly parts: pg.Pool;
  /** Holders of snapshots, owners of staged generations, builds, switches and sweeps. */
  readonly sessions: pg.Pool;
  close(): Promise<void>;
}

interface PoolOptions {
  /** Of PostgreSQL, for the pool's sessions. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly stream?: () => Socket;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly parallelism: number;
  readonly log: Logger;
  /** Between two statements of a writer's transaction. */
  readonly writeMillis: number;
}

/** Of one pool: all of them together stay below what a server lets in by default. */
const MAX_CONNECTIONS = 16;
const CONNECT_TIMEOUT_MILLIS = 10_000;

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, exactNumber);

export function openConnections({ url, parallelism, log, writeMillis }: ConnectionOptions): Connections {
  let closing = false;
  const pool = (name: string, max: number, { settings = {}, ...more }: PoolOptions = {}): pg.Pool => {
    const opened = new pg.Pool({
      ...more,
      connectionString: url,
      application_name: `tidemark-${name}`,
      max,
      types,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MILLIS,
      options: Object.entries(settings)
        .map(([setting, value]) => `-c ${setting}=${value}`)
        .join(' '),
    });
    opened.on('connect', (client) => {
      client.on('error', (error) => {
        if (!closing) log.warn({ err: error }, `a ${name} connection was lost`);
      });
    });
    opened.on('error', () => undefined);
    return opened;
  };
  const atMost = (connections: number): number => Math.min(connections, MAX_CONNECTIONS);
  const unbounded = { statement_timeout: '0', idle_in_transaction_session_timeout: '0' };
  const pools = {
    readers: pool('reader', atMost(4 * parallelism), {
      settings: { statement_timeout: '30000', default_transaction_read_only: 'on', jit: 'off' },
    }),
    writers: pool('writer', atMost(4 * parallelism), {
      settings: { idle_in_transaction_session_timeout: String(writeMillis) },
    }),
    parts: pool('part', atMost(2 * parallelism), {
      settings: { ...unbounded, max_parallel_workers_per_gather: '0', jit: 'off' },
      stream: socketFor,
    }),
    sessions: pool('session', MAX_CONNECTIONS, { settings: unbounded }),
  };
  return {
    ...pools,
    close: async () => {
      closing = true;
      await Promise.all(Object.values(pools).map((one) => one.end()));
    },
  };
}

/** TLS reads from the socket in its own way. */
function socketFor({ ssl }: { ssl?: unknown } = {}): Socket {
  return ssl ? new Socket() : lendingSocket();
}

function exactNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${text} is beyond what a number holds exactly`);
  return number;
}
