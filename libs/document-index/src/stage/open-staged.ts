import type pg from 'pg';

import type { OpenStagedRequest } from '@tidemark/contracts';

import { endEarlierSessions } from '../catalog/attempts.js';
import { readPointer } from '../catalog/catalog.js';
import { SessionGoneError } from '../errors.js';
import { createVersionsTable, LAYOUT, tablesOf } from '../layout/layout.js';
import { withTransaction } from '../postgres/transaction.js';
import { refuseFuture } from './future.js';

export interface OpenedStaged {
  readonly generation: number;
  readonly expectedLive: number;
  readonly loadedParts: readonly number[];
}

/**
 * Makes the staged generation of a restore, or goes on with the one that an earlier attempt of the same job began from
 * the same archive with the same boundary. Others that were staged for the index are orphans, one restore runs at a
 * time: they are given up to the sweep. Throws where a later attempt of the job has been here, and where the caller has
 * gone away, of whom `signal` tells: what a process finds to do when it has stood still may be long out of date.
 */
export async function openStaged(
  { pool, indexId }: { pool: pg.Pool; indexId: number },
  request: OpenStagedRequest,
  signal?: AbortSignal,
): Promise<OpenedStaged> {
  return await withTransaction(pool, async (client) => {
    const { archive, boundaryMicros } = request;
    const latest = Math.min(archive.latestUpdateTimeMicros ?? 0, boundaryMicros ?? Infinity);
    await refuseFuture(client, indexId, latest);
    await endEarlierSessions(client, request);
    const continued = await continueEarlier(client, request);
    if (continued) return continued;
    await refuseLate(client, request);
    signal?.throwIfAborted();
    await giveUpOthers(client, indexId, request);
    const created = await create(client, indexId, request);
    signal?.throwIfAborted();
    return created;
  });
}

async function refuseLate(client: pg.ClientBase, { jobId, fence }: OpenStagedRequest): Promise<void> {
  const { rows } = await client.query(
    `SELECT FROM catalog.generation WHERE job_id = $1 AND fence > $2
      UNION ALL SELECT FROM catalog.switch WHERE job_id = $1`,
    [jobId, fence],
  );
  if (rows.length > 0) throw new SessionGoneError('the lease');
}

/** What a process that stands still has locked is left to the sweep. */
async function giveUpOthers(
  client: pg.ClientBase,
  indexId: number,
  { jobId, fence }: OpenStagedRequest,
): Promise<void> {
  await client.query(
    `UPDATE catalog.generation SET phase = 'DROPPING', job_id = NULL WHERE id IN (
      SELECT id FROM catalog.generation WHERE index_id = $1 AND phase IN ('STAGED', 'BUILT')
        AND (job_id IS DISTINCT FROM $2 OR fence <= $3) FOR UPDATE SKIP LOCKED)`,
    [indexId, jobId, fence],
  );
}

/** Raising the fence waits for parts that an earlier attempt is loading, and keeps it from loading more. */
async function continueEarlier(client: pg.ClientBase, request: OpenStagedRequest): Promise<OpenedStaged | undefined> {
  const { rows } = await client.query<{ generation: number; expectedLive: number }>(
    `UPDATE catalog.generation SET fence = $2, opened_at = clock_timestamp()
      WHERE job_id = $1 AND phase = 'STAGED' AND fence <= $2 AND manifest_sha256 = $3
        AND boundary_micros IS NOT DISTINCT FROM $4
      RETURNING id AS generation, expected_live AS "expectedLive"`,
    [request.jobId, request.fence, request.archive.manifestSha256, request.boundaryMicros],
  );
  const [earlier] = rows;
  if (!earlier) return undefined;
  const loaded = await client.query<{ part: number }>(
    'SELECT part FROM catalog.staged_part WHERE generation = $1 ORDER BY part',
    [earlier.generation],
  );
  return { ...earlier, loadedParts: loaded.rows.map(({ part }) => part) };
}

async function create(client: pg.ClientBase, indexId: number, request: OpenStagedRequest): Promise<OpenedStaged> {
  const { live: expectedLive } = await readPointer(client, indexId);
  const { rows } = await client.query<{ generation: number }>(
    `INSERT INTO catalog.generation (index_id, layout, phase, job_id, fence, manifest_sha256, boundary_micros,
        closed_time_micros, expected_live)
      VALUES ($1, $2, 'STAGED', $3, $4, $5, $6, $7, $8) RETURNING id AS generation`,
    [
      indexId,
      LAYOUT,
      request.jobId,
      request.fence,
      request.archive.manifestSha256,
      request.boundaryMicros,
      request.boundaryMicros ?? request.archive.closedTimeMicros,
      expectedLive,
    ],
  );
  const generation = rows[0]?.generation ?? 0;
  await client.query(createVersionsTable(tablesOf(generation)));
  return { generation, expectedLive, loadedParts: [] };
}
