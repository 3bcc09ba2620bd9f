import type pg from 'pg';

import { endEarlierSessions, workingFor, type Attempt } from '../catalog/attempts.js';
import { readPointer } from '../catalog/catalog.js';
import { isGenerationGone, coded } from '../postgres/transaction.js';
import { tablesOf, type Tables } from '../layout/layout.js';
import { closeTime } from './close-time.js';
import type { TableSize } from './part-sizes.js';

/** A frozen generation. The holder's transaction keeps its rows and its tables; ending it ends the snapshot. */
export interface HeldSnapshot {
  readonly holder: pg.PoolClient;
  readonly generation: number;
  readonly tables: Tables;
  readonly closedTimeMicros: number;
  /** Identity of the index that the generation belongs to; generations count anew in every system. */
  readonly system: string;
  /** Name that other transactions adopt it by. */
  readonly pgSnapshot: string;
  readonly serverVersion: string;
  readonly size: TableSize;
  readonly versionsEstimate: number;
}

/** The generation that was live when its time was closed is not live any more: the time has to be closed again. */
class GenerationMoved extends Error {
  override readonly name = 'GenerationMoved';
}

const TURNS = 10;

interface SnapshotOf {
  readonly indexId: number;
  readonly attempt: Attempt;
}

/** What earlier attempts of the job hold open is ended. Throws where the caller has gone away, of whom `signal` tells. */
export async function openSnapshot(
  { pool, ...of }: SnapshotOf & { pool: pg.Pool },
  signal?: AbortSignal,
): Promise<HeldSnapshot> {
  const holder = await pool.connect().catch((error: unknown) => {
    throw coded(error);
  });
  try {
    await endEarlierSessions(holder, of.attempt);
    for (let turn = 1; ; turn++) {
      try {
        return await hold(holder, of, signal);
      } catch (error) {
        await holder.query('ROLLBACK');
        const moved = error instanceof GenerationMoved || isGenerationGone(error);
        if (!moved || turn === TURNS) throw error;
      }
    }
  } catch (error) {
    holder.release(true);
    throw coded(error);
  }
}

async function hold(
  holder: pg.PoolClient,
  { indexId, attempt }: SnapshotOf,
  signal?: AbortSignal,
): Promise<HeldSnapshot> {
  const before = await readPointer(holder, indexId);
  const closedTimeMicros = await closeTime(holder, indexId, signal);
  await holder.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${workingFor(attempt)}`);
  const { live } = await readPointer(holder, indexId);
  if (live !== before.live) throw new GenerationMoved();
  const tables = tablesOf(live);
  // An exported snapshot alone does not stop a DROP.
  await holder.query(`LOCK TABLE ${tables.versions}, ${tables.documents} IN ACCESS SHARE MODE`);
  const facts = await readFacts(holder, indexId, tables);
  signal?.throwIfAborted();
  return { holder, generation: live, tables, closedTimeMicros, ...facts };
}

type Facts = Pick<HeldSnapshot, 'pgSnapshot' | 'serverVersion' | 'system' | 'size' | 'versionsEstimate'>;

/** The page count is read after the snapshot is taken: no row of the snapshot lies behind it. */
async function readFacts(holder: pg.PoolClient, indexId: number, { versions }: Tables): Promise<Facts> {
  const { rows } = await holder.query<Omit<Facts, 'size'> & TableSize>(
    `SELECT pg_export_snapshot() AS "pgSnapshot", current_setting('server_version') AS "serverVersion",
      (SELECT system::text FROM catalog.index WHERE id = ${indexId}),
      pg_relation_size('${versions}') / current_setting('block_size')::int AS pages,
      (SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = '${versions}'::regclass) AS "toastBytes",
      (SELECT greatest(n_live_tup, 0) FROM pg_stat_all_tables WHERE relid = '${versions}'::regclass) AS "versionsEstimate"`,
  );
  const [facts] = rows;
  if (!facts) throw new Error('the snapshot has no facts');
  const { pages, toastBytes, ...rest } = facts;
  return { ...rest, size: { pages, toastBytes } };
}
