import type pg from 'pg';

import type { SwitchAnswer, SwitchRequest } from '@tidemark/contracts';

import { readPointer } from '../catalog/catalog.js';
import { withClient, withTransaction } from '../postgres/transaction.js';
import { FUTURE_MICROS } from '../stage/future.js';
import { CLOCK } from '../write/write-transaction.js';
import { whileNobodyWrites, type SwitchContext } from './switch-lock.js';
import { countLeftBehind } from './versions-left-behind.js';

interface Decision {
  readonly outcome: 'SWITCHED' | 'REFUSED';
  readonly generation: number;
  readonly expectedLive: number;
  readonly live: number;
  readonly previousGeneration: number | null;
  readonly versionsLeftBehind: number | null;
}

/**
 * Makes a built generation the live one by one update of the pointer; the old one stays as the previous. The first call
 * for a job decides for ever, later ones get the same answer. Throws SwitchBusyError when writers kept the lock.
 */
export async function switchGeneration(context: SwitchContext, request: SwitchRequest): Promise<SwitchAnswer> {
  const decision = await decide(context, request);
  if (decision.outcome === 'REFUSED') {
    return { outcome: 'REFUSED', live: decision.live, expectedLive: decision.expectedLive };
  }
  const { generation, previousGeneration } = decision;
  const versionsLeftBehind = decision.versionsLeftBehind ?? (await countOnce(context, request.jobId, decision));
  return { outcome: 'SWITCHED', generation, previousGeneration, versionsLeftBehind };
}

async function decide(context: SwitchContext, request: SwitchRequest): Promise<Decision> {
  const before = await withClient(context.pool, (client) => decidedBefore(client, request.jobId));
  if (before) return before;
  return await whileNobodyWrites(
    context,
    async (client) =>
      (await decidedBefore(client, request.jobId)) ?? (await decideNow(client, context.indexId, request)),
  );
}

async function decidedBefore(client: pg.ClientBase, jobId: string): Promise<Decision | undefined> {
  const { rows } = await client.query<Decision>(
    `SELECT outcome, generation, expected_live AS "expectedLive", live, previous_generation AS "previousGeneration",
      versions_left_behind AS "versionsLeftBehind" FROM catalog.switch WHERE job_id = $1`,
    [jobId],
  );
  return rows[0];
}

async function decideNow(client: pg.ClientBase, indexId: number, request: SwitchRequest): Promise<Decision> {
  const { live, previous } = await readPointer(client, indexId);
  const switched = live === request.expectedLive && (await putInService(client, request));
  if (switched) {
    await client.query(
      `UPDATE catalog.index SET live_generation = $2, previous_generation = $3, stamp_floor = greatest(stamp_floor,
        (SELECT greatest(latest_update_time_micros, least(closed_time_micros, ${CLOCK} + ${FUTURE_MICROS}))
          FROM catalog.generation WHERE id = $2)) WHERE id = $1`,
      [indexId, request.generation, live],
    );
    await client.query(`UPDATE catalog.generation SET phase = 'DROPPING', job_id = NULL WHERE id = $1`, [previous]);
  }
  const decision: Decision = {
    outcome: switched ? 'SWITCHED' : 'REFUSED',
    generation: request.generation,
    expectedLive: request.expectedLive,
    live,
    previousGeneration: switched ? live : null,
    versionsLeftBehind: null,
  };
  await record(client, indexId, { jobId: request.jobId, decision });
  return decision;
}

/** False where the generation is not there any more or was never built: it can never be switched to. */
async function putInService(client: pg.ClientBase, { generation, jobId }: SwitchRequest): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE catalog.generation SET phase = 'IN_SERVICE' WHERE id = $1 AND job_id = $2 AND phase = 'BUILT'`,
    [generation, jobId],
  );
  return rowCount === 1;
}

async function record(
  client: pg.ClientBase,
  indexId: number,
  { jobId, decision }: { jobId: string; decision: Decision },
): Promise<void> {
  await client.query(
    `INSERT INTO catalog.switch (job_id, index_id, outcome, generation, expected_live, live, previous_generation)
      VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      jobId,
      indexId,
      decision.outcome,
      decision.generation,
      decision.expectedLive,
      decision.live,
      decision.previousGeneration,
    ],
  );
}

/** Counted once: whoever asks meanwhile waits. */
async function countOnce({ pool }: SwitchContext, jobId: string, decision: Decision): Promise<number> {
  const { generation: live, previousGeneration: previous } = decision;
  if (previous === null) return 0;
  return await withTransaction(pool, async (client) => {
    await client.query('SELECT 1 FROM catalog.switch WHERE job_id = $1 FOR UPDATE', [jobId]);
    const counted = (await decidedBefore(client, jobId))?.versionsLeftBehind ?? null;
    if (counted !== null) return counted;
    const count = await countLeftBehind(client, { previous, live });
    await client.query('UPDATE catalog.switch SET versions_left_behind = $2 WHERE job_id = $1', [jobId, count]);
    return count;
  });
}
