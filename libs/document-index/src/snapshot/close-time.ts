import type pg from 'pg';

import { sleep } from '@tidemark/platform';

import { readPointer } from '../catalog/catalog.js';
import { LOCKS } from '../catalog/locks.js';
import { tablesOf } from '../layout/layout.js';
import { CLOCK } from '../write/write-transaction.js';

const POLL_MILLIS = 3;

/**
 * Closes the time up to a new floor S, which it returns: every write transaction with a stamp <= S has ended when this
 * resolves, and each later one gets a stamp > S. The connection must not be in a transaction.
 */
export async function closeTime(client: pg.ClientBase, indexId: number, signal?: AbortSignal): Promise<number> {
  const floor = await raiseFloor(client, indexId);
  const writers = await currentWriters(client, indexId);
  while (await anyStillThere(client, indexId, writers)) await sleep(POLL_MILLIS, signal);
  return floor;
}

/** The new floor lies over the clock, the old floor and every stamp committed so far, should the clock have stepped back. */
async function raiseFloor(client: pg.ClientBase, indexId: number): Promise<number> {
  const { live, floor } = await readPointer(client, indexId);
  const { rows } = await client.query<{ floor: number }>(
    `UPDATE catalog.index SET stamp_floor = greatest(stamp_floor, ${CLOCK},
        (SELECT max(update_time_micros) FROM ${tablesOf(live).versions} WHERE update_time_micros > ${CLOCK_NOW}))
      WHERE id = $1 RETURNING stamp_floor AS floor`,
    [indexId],
  );
  return rows[0]?.floor ?? floor;
}

/** Stable within a statement, so that the BRIN index on stamps can answer; the volatile clock would read every row. */
const CLOCK_NOW = `(extract(epoch FROM statement_timestamp()) * 1000000)::bigint`;

/** Virtual transactions that hold the writers' lock, shared, at this moment. */
async function currentWriters(client: pg.ClientBase, indexId: number): Promise<string[]> {
  const { rows } = await client.query<{ writer: string }>(`SELECT virtualtransaction AS writer ${HOLDERS}`, [
    LOCKS.writers,
    indexId,
  ]);
  return rows.map(({ writer }) => writer);
}

async function anyStillThere(client: pg.ClientBase, indexId: number, writers: readonly string[]): Promise<boolean> {
  if (writers.length === 0) return false;
  const { rows } = await client.query(`SELECT 1 ${HOLDERS} AND virtualtransaction = ANY ($3) LIMIT 1`, [
    LOCKS.writers,
    indexId,
    writers,
  ]);
  return rows.length > 0;
}

const HOLDERS = `FROM pg_locks
  WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = $1 AND objid = $2 AND objsubid = 2 AND mode = 'ShareLock' AND granted`;
