import type pg from 'pg';

import type { OpenStagedRequest } from '@tidemark/contracts';

import { readPointer } from '../catalog/catalog.js';
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
 * time: they are given up to the sweep.
 */
export async function openStaged(
  { pool, indexId }: { pool: pg.Pool; indexId: number },
  request: OpenStagedRequest,
): Promise<OpenedStaged> {
  return await withTransaction(pool, async (client) => {
    const { archive, boundaryMicros } = request;
    const latest = Math.min(archive.latestUpdateTimeMicros ?? 0, boundaryMicros ?? Infinity);
    await refuseFuture(client, indexId, latest);
    const continued = await continueEarlier(client, request);
    if (continued) return continued;
    await client.query(
      `UPDATE catalog.generation SET phase = 'DROPPING', job_id = NULL
        WHERE index_id = $1 AND phase IN ('STAGED', 'BUILT')`,
      [indexId],
    );
    return await create(client, indexId, request);
  });
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
