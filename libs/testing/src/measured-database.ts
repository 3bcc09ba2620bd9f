import pg from 'pg';

import { query } from './on-database.js';
import { PostgresProxy } from './postgres-proxy.js';
import type { Statement } from './statements.js';
import { createTestDatabase, testServerUrl, type TestDatabase } from './test-database.js';

/** What a work cost the database, in quantities that are the same on every machine. */
export interface Cost {
  readonly statements: readonly Statement[];
  /** Pages of user tables and of their indexes that were looked at, once for each look. */
  readonly buffers: number;
  /** Of the whole server: nobody else may be writing there. */
  readonly walBytes: number;
}

/** A database of one test's own that tells what is asked of it by way of its URL. */
export class MeasuredDatabase {
  private constructor(
    private readonly database: TestDatabase,
    private readonly proxy: PostgresProxy,
    private readonly pool: pg.Pool,
  ) {}

  static async open(serverUrl = testServerUrl()): Promise<MeasuredDatabase> {
    const database = await createTestDatabase(serverUrl);
    const pool = new pg.Pool({ connectionString: database.url, application_name: OUR_NAME, max: 1 });
    pool.on('error', () => undefined);
    return new MeasuredDatabase(database, await PostgresProxy.open(serverUrl), pool);
  }

  /** By which the work that is measured reaches it. */
  get url(): string {
    return this.proxy.urlOf(this.database.url);
  }

  /** Runs statements past what is measured, each on a connection of its own: the last one's rows. */
  async run<R extends pg.QueryResultRow>(...statements: readonly string[]): Promise<R[]> {
    let rows: R[] = [];
    for (const statement of statements) rows = await query<R>(this.database.url, statement);
    return rows;
  }

  /** `work` closes what it opens: sessions tell what they have looked at when they end. */
  async costOf(work: () => Promise<unknown>): Promise<Cost> {
    await this.#untilAlone();
    const before = await this.#counters();
    const { statements } = await this.proxy.during(work);
    await this.#untilAlone();
    const after = await this.#counters();
    return { statements, buffers: after.buffers - before.buffers, walBytes: after.wal - before.wal };
  }

  async close(): Promise<void> {
    await this.pool.end();
    await this.proxy.close();
    await this.database.drop();
  }

  async #untilAlone(): Promise<void> {
    for (;;) {
      const { rowCount } = await this.pool.query(
        `SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> $1`,
        [OUR_NAME],
      );
      if (rowCount === 0) return;
    }
  }

  async #counters(): Promise<{ buffers: number; wal: number }> {
    const { rows } = await this.pool.query<{ buffers: number; wal: number }>(
      `SELECT sum(${LOOKS.map((looks) => `coalesce(${looks}, 0)`).join(' + ')})::float8 AS buffers,
        (pg_current_wal_insert_lsn() - '0/0')::float8 AS wal FROM pg_statio_user_tables`,
    );
    return rows[0] ?? { buffers: 0, wal: 0 };
  }
}

const OUR_NAME = 'tidemark-measuring';

const LOOKS = ['heap', 'idx', 'toast', 'tidx'].flatMap((kind) => [`${kind}_blks_hit`, `${kind}_blks_read`]);
