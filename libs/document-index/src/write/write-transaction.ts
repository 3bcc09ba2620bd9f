import type pg from 'pg';

import { pointerQuery, type IndexPointer } from '../catalog/catalog.js';
import { LOCKS } from '../catalog/locks.js';
import { tablesOf, type Tables } from '../layout/layout.js';
import { withTransaction } from '../postgres/transaction.js';

/** What writers of one index share. */
export interface WriteContext {
  readonly pool: pg.Pool;
  readonly indexId: number;
  /** Bound of one statement, waits for rows included. */
  readonly writeMillis: number;
}

/** A transaction that holds the writers' lock, in the generation that was live after the lock was granted. */
export interface WriteTransaction {
  readonly client: pg.PoolClient;
  readonly generation: number;
  readonly tables: Tables;
  readonly floor: number;
}

/** A document's row as its writer holds it. */
export interface LockedDocument {
  readonly link: string;
  readonly version: number;
  readonly updateTimeMicros: number;
  readonly deleted: boolean;
}

/** Microseconds of the database's clock at the very moment. */
export const CLOCK = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`;

/** Longer than a switch may hold up the writers behind it. */
const LOCK_MILLIS = 15_000;

/**
 * Runs `work` in a READ COMMITTED transaction of a writer. The lock comes first and the pointer in a later statement:
 * read in the same one it would be the pointer from before a switch that the lock waited for.
 */
export async function inWriteTransaction<T>(
  { pool, ...context }: WriteContext,
  work: (transaction: WriteTransaction) => Promise<T>,
): Promise<T> {
  return await withTransaction(
    pool,
    async (client) => {
      const { live, floor } = await lockAndReadPointer(client, context);
      return await work({ client, generation: live, tables: tablesOf(live), floor });
    },
    'BEGIN ISOLATION LEVEL READ COMMITTED',
  );
}

/** Locks the rows of those links that have one, in link order. */
export async function lockDocuments(
  { client, tables }: WriteTransaction,
  links: readonly string[],
): Promise<Map<string, LockedDocument>> {
  const { rows } = await client.query<LockedDocument>(
    `SELECT link, version, update_time_micros AS "updateTimeMicros", deleted FROM ${tables.documents}
      WHERE link = ANY ($1) ORDER BY link FOR UPDATE`,
    [links],
  );
  return new Map(rows.map((row) => [row.link, row]));
}

/**
 * A stamp ahead of the database's clock becomes the floor, in the same transaction: so every committed stamp is at
 * most the clock's highest reading or the floor, and a snapshot can close the time after it.
 */
export async function raiseFloor({ client }: WriteTransaction, indexId: number, stamp: number): Promise<void> {
  await client.query('UPDATE catalog.index SET stamp_floor = greatest(stamp_floor, $2) WHERE id = $1', [
    indexId,
    stamp,
  ]);
}

async function lockAndReadPointer(
  client: pg.PoolClient,
  { indexId, writeMillis }: Omit<WriteContext, 'pool'>,
): Promise<IndexPointer> {
  const answers: unknown = await client.query(
    `SET LOCAL lock_timeout = ${Math.max(LOCK_MILLIS, writeMillis)};
     SELECT pg_advisory_xact_lock_shared(${LOCKS.writers}, ${indexId});
     SET LOCAL statement_timeout = ${writeMillis};
     ${pointerQuery(indexId)}`,
  );
  const pointer = (answers as pg.QueryResult<IndexPointer>[]).at(-1)?.rows[0];
  if (!pointer) throw new Error(`the catalog has no index ${indexId}`);
  return pointer;
}
