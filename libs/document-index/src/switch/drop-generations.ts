import type pg from 'pg';

import type { Logger } from '@tidemark/platform';

import type { Catalog } from '../catalog/catalog.js';
import { generationKey, LOCKS } from '../catalog/locks.js';
import { tablesOf } from '../layout/layout.js';
import { isLockTimeout, withClient } from '../postgres/transaction.js';

/** A staged generation that nobody owns is kept so long for the next attempt of its restore. */
const ORPHAN_AFTER = '5 minutes';
/** A built one waits for its switch; the next restore of the index gives it up earlier. */
const BUILT_ORPHAN_AFTER = '1 day';

/**
 * Drops the generations that are of no use any more: switched away from, given up, or orphaned by the end of their
 * owner. What is still read by a snapshot stays for a later sweep. Safe on every replica at once.
 */
export async function dropGenerations({
  pool,
  catalog,
  log,
}: {
  pool: pg.Pool;
  catalog: Catalog;
  log: Logger;
}): Promise<number> {
  await giveUpOrphans(pool, catalog.indexId);
  const doomed = await catalog.generations.find({ where: { indexId: catalog.indexId, phase: 'DROPPING' } });
  let dropped = 0;
  for (const { id } of doomed) {
    if (!(await dropGeneration(pool, id))) continue;
    dropped++;
    log.info({ generation: id }, 'a generation was dropped');
  }
  return dropped;
}

async function giveUpOrphans(pool: pg.Pool, indexId: number): Promise<void> {
  await withClient(pool, async (client) => {
    const { rows } = await client.query<{ id: number }>(
      `SELECT id FROM catalog.generation generation WHERE index_id = $1 AND (
        phase = 'BUILT' AND opened_at < clock_timestamp() - interval '${BUILT_ORPHAN_AFTER}' OR
        phase = 'STAGED' AND greatest(opened_at, (SELECT max(loaded_at) FROM catalog.staged_part part
          WHERE part.generation = generation.id)) < clock_timestamp() - interval '${ORPHAN_AFTER}')`,
      [indexId],
    );
    for (const { id } of rows) {
      await asSoleOwner(client, id, () =>
        client.query(
          `UPDATE catalog.generation SET phase = 'DROPPING', job_id = NULL WHERE id = $1 AND phase IN ('STAGED', 'BUILT')`,
          [id],
        ),
      );
    }
  });
}

/** False where somebody still uses it. */
async function dropGeneration(pool: pg.Pool, generation: number): Promise<boolean> {
  return await withClient(pool, async (client) => {
    const dropped = await asSoleOwner(client, generation, () => dropTables(client, generation));
    return dropped ?? false;
  });
}

async function dropTables(client: pg.ClientBase, generation: number): Promise<boolean> {
  const { schema } = tablesOf(generation);
  await client.query('BEGIN');
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = $1 ORDER BY 1`,
      [schema],
    );
    const tables = rows.map(({ name }) => name).join(', ');
    if (tables !== '') await client.query(`LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE NOWAIT`);
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await client.query(`DELETE FROM catalog.generation WHERE id = $1 AND phase = 'DROPPING'`, [generation]);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    await client.query('ROLLBACK');
    if (isLockTimeout(error)) return false;
    throw error;
  }
}

/** Runs `work` while no owner of the staged generation is there; undefined where one is. */
async function asSoleOwner<T>(
  client: pg.ClientBase,
  generation: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const key = `${LOCKS.stagedOwner}, ${generationKey(generation)}`;
  const { rows } = await client.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS got`);
  if (!rows[0]?.got) return undefined;
  try {
    return await work();
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${key})`);
  }
}
