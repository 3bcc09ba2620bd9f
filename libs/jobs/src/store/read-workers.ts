import type { JobsDatabase } from '../database/jobs-database.js';
import { HOLDING_STATES } from '../life/job-states.js';
import { leaseMicros } from '../life/plan-claim.js';
import { NOW } from './sql.js';

/** A worker that has been heard of lately. */
export interface SeenWorker {
  readonly worker: string;
  /** Of its heartbeats and the ends of its jobs the last. */
  readonly lastSeenMicros: number;
  /** What it holds the lease of. */
  readonly jobIds: readonly string[];
}

const LATELY_MICROS = 15 * 60 * 1_000_000;
/** Ended jobs are looked for among the newest: what runs is found whatever its age. */
const NEWEST = 200;
const SEEN = 'id, worker, attempt_started_at_micros, lease_until_micros, ended_at_micros';

/** A heartbeat is known by the lease that it gave. The latest seen first. */
export async function seenWorkers(database: JobsDatabase, leaseSeconds: number): Promise<SeenWorker[]> {
  return await database.rows<{ worker: string; lastSeenMicros: number; jobIds: string[] }>`
    WITH looked_at AS (
      SELECT ${() => SEEN} FROM jobs.job WHERE state = ANY(${HOLDING_STATES})
      UNION
      SELECT ${() => SEEN} FROM (SELECT * FROM jobs.job ORDER BY position DESC LIMIT ${NEWEST}) AS newest
      WHERE ended_at_micros IS NOT NULL
    ), seen AS (
      SELECT worker, id, lease_until_micros > ${() => NOW} AND ended_at_micros IS NULL AS is_held,
        coalesce(ended_at_micros,
          greatest(attempt_started_at_micros, lease_until_micros - ${leaseMicros(leaseSeconds)}::bigint)) AS seen_at
      FROM looked_at WHERE worker IS NOT NULL
    )
    SELECT worker, max(seen_at) AS "lastSeenMicros",
      coalesce(array_agg(id::text ORDER BY id) FILTER (WHERE is_held), '{}') AS "jobIds"
    FROM seen GROUP BY worker HAVING max(seen_at) > ${() => NOW} - ${LATELY_MICROS}::bigint
    ORDER BY max(seen_at) DESC, worker`;
}
