import type { Job } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { toJob } from '../life/stored-job.js';
import { asJobId, NOW } from './sql.js';

/** Who takes one has so long to tell it before another does. */
const TELLING_MICROS = 10_000_000;

/** Jobs whose end, or undo, should have been told by now, the longest waiting first; given to one gateway at a time. */
export async function takeUntold(database: JobsDatabase, limit: number): Promise<Job[]> {
  const rows = await database.rows`
    WITH due AS MATERIALIZED (
      SELECT id FROM jobs.job WHERE tell_at_micros <= ${() => NOW}
      ORDER BY tell_at_micros LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), taken AS (
      UPDATE jobs.job SET tell_at_micros = ${() => NOW} + ${TELLING_MICROS}::bigint FROM due WHERE job.id = due.id
      RETURNING job.*
    )
    SELECT * FROM taken ORDER BY ended_at_micros`;
  return rows.map((row) => toJob(database.toStoredJob(row)));
}

/** The job as it was at that revision has been told; of a later one nothing is known. */
export async function told(database: JobsDatabase, { id, revision }: Pick<Job, 'id' | 'revision'>): Promise<void> {
  await database.rows`
    WITH told AS (
      UPDATE jobs.job SET tell_at_micros = NULL WHERE id = ${asJobId(id)} AND revision = ${revision}::int RETURNING 1
    )
    SELECT FROM told`;
}
