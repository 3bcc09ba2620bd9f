import type pg from 'pg';

import type { Range } from '@tidemark/contracts';

import { SessionGoneError } from '../errors.js';
import { COLUMN_NAMES } from '../layout/layout.js';
import { CopyOut } from '../postgres/copy-out.js';
import { coded, sqlState, withTransaction } from '../postgres/transaction.js';
import type { HeldSnapshot } from './open-snapshot.js';

type SnapshotRows = Pick<HeldSnapshot, 'pgSnapshot' | 'tables' | 'closedTimeMicros'>;

/** Rows of a range on their way out. */
export interface RangeCopy {
  /** COPY text, not row-aligned; each chunk is valid until the next one is asked for. It may be left early. */
  readonly rows: AsyncIterableIterator<Buffer, undefined>;
  /** Gives the connection back; one with rows still on it is closed instead. */
  readonly end: () => Promise<void>;
}

/** Reads rows of a snapshot on connections of its own that adopt it. */
export class SnapshotReader {
  constructor(
    private readonly pool: pg.Pool,
    private readonly snapshot: SnapshotRows,
  ) {}

  /** Starts to copy the range's rows out, in the table's order. `end` must follow, whatever happens. */
  async copy(range: Range): Promise<RangeCopy> {
    const client = await this.pool.connect().catch((error: unknown) => {
      throw coded(error);
    });
    try {
      await client.query(beginIn(this.snapshot));
    } catch (error) {
      client.release(true);
      throw codedSnapshotError(error);
    }
    const { versions } = this.snapshot.tables;
    const rows = client.query(
      new CopyOut(
        `COPY (SELECT ${COLUMN_NAMES} FROM ${versions} WHERE ${conditionOf(this.snapshot, range)}) TO STDOUT`,
      ),
    );
    return { rows, end: () => endCopy(client, rows) };
  }

  /** Where a range goes on behind its first `count` rows; the empty string at its end. */
  async placeAfter(range: Range, count: number): Promise<string> {
    return await this.#adopting(async (client) => {
      const { rows } = await client.query<{ place: string }>(
        `SELECT ctid::text AS place FROM ${this.snapshot.tables.versions}
          WHERE ${conditionOf(this.snapshot, range)} OFFSET ${count} LIMIT 1`,
      );
      return rows[0] ? placeOf(rows[0].place) : '';
    });
  }

  /** Documents that are there at the closed time. */
  async countDocuments(): Promise<number> {
    const { tables, closedTimeMicros } = this.snapshot;
    return await this.#adopting(async (client) => {
      const { rows } = await client.query<{ documents: number }>(
        `SELECT (SELECT count(*) FROM ${tables.documents} WHERE NOT deleted AND update_time_micros <= $1) +
          (SELECT count(*) FROM ${tables.documents} latest CROSS JOIN LATERAL (
             SELECT update_action FROM ${tables.versions} history
               WHERE history.link = latest.link AND history.update_time_micros <= $1 ORDER BY version DESC LIMIT 1) state
           WHERE latest.update_time_micros > $1 AND state.update_action <> 'DELETE') AS documents`,
        [closedTimeMicros],
      );
      return rows[0]?.documents ?? 0;
    });
  }

  async #adopting<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return await withTransaction(this.pool, work, beginIn(this.snapshot)).catch((error: unknown) => {
      throw codedSnapshotError(error);
    });
  }
}

async function endCopy(client: pg.PoolClient, rows: CopyOut): Promise<void> {
  const ended =
    rows.ended &&
    (await client.query('COMMIT').then(
      () => true,
      () => false,
    ));
  client.release(!ended);
}

function beginIn({ pgSnapshot }: SnapshotRows): string {
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${pgSnapshot}'`;
}

/** Rows of the range that the closed time lets in: a writer of that moment may have got a later stamp. */
function conditionOf({ closedTimeMicros }: SnapshotRows, { from, to }: Range): string {
  const end = to === null ? '' : `AND ctid < '(${to},0)'`;
  return `ctid >= '${tidOf(from)}' ${end} AND update_time_micros <= ${closedTimeMicros}`;
}

/** `page` or `page.item` as a tid; items count from 1. */
function tidOf(place: string): string {
  const [page = '0', item = '0'] = place.split('.');
  return `(${page},${item})`;
}

function placeOf(tid: string): string {
  return tid.slice(1, -1).replace(',', '.');
}

const SNAPSHOT_GONE = new Set(['22023', '42704', '55000']);

function codedSnapshotError(error: unknown): unknown {
  return SNAPSHOT_GONE.has(sqlState(error)) ? new SessionGoneError('the snapshot', error) : coded(error);
}
