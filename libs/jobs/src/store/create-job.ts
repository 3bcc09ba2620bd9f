import { RESTORE_KIND, type Job, type ManagementRequest } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { exclusiveKeyOf } from '../life/exclusive-key.js';
import { IdempotencyKeyReusedError } from '../life/job-errors.js';
import { toJob } from '../life/stored-job.js';
import { getJob } from './read-jobs.js';
import { NOW } from './sql.js';

export interface NewJob {
  /** A UUID of version 7. */
  readonly id: string;
  /** With every secret masked. */
  readonly request: ManagementRequest;
  /** What is masked in it, sealed; erased when the job ends. */
  readonly sealedSecrets?: string | undefined;
  /** The destination as the policy resolved it; two spellings of one place are one. */
  readonly place: string;
  readonly warnings: readonly string[];
  readonly caller: string;
  readonly idempotency?: Idempotency | undefined;
}

export interface Idempotency {
  /** The caller's; keys of different callers have nothing to do with each other. */
  readonly key: string;
  /** Of the canonical body: equal for equal requests. */
  readonly bodyHash: string;
}

export interface CreatedJob {
  readonly outcome: 'CREATED' | 'REPEATED';
  readonly job: Job;
}

const KEY_LIFE_MICROS = 7 * 24 * 60 * 60 * 1_000_000;

/**
 * Stores a job as QUEUED, together with its key. A key seen before gives the first job back; throws
 * IdempotencyKeyReusedError when that one was made from another body. The creator is expected to ring for it.
 */
export async function createJob(database: JobsDatabase, job: NewJob): Promise<CreatedJob> {
  for (;;) {
    const created = await insertJob(database, job);
    if (created) return { outcome: 'CREATED', job: created };
    const first = job.idempotency && (await findFirst(database, job.caller, job.idempotency));
    // A key that was there a moment ago and now is not has been purged: it is free again.
    if (first) return { outcome: 'REPEATED', job: await getJob(database, first) };
  }
}

/** Forgets the keys that may be used again anyway; says how many. In a SELECT the clock is read once: an index can answer. */
export async function purgeIdempotencyKeys(database: JobsDatabase): Promise<number> {
  const gone = await database.rows`
    WITH gone AS (
      DELETE FROM jobs.idempotency_key
      WHERE created_at_micros < (SELECT ${() => NOW} - ${KEY_LIFE_MICROS}::bigint) RETURNING 1
    )
    SELECT FROM gone`;
  return gone.length;
}

/** Job and key in one statement, so in one transaction; undefined when the key is taken. */
async function insertJob(database: JobsDatabase, job: NewJob): Promise<Job | undefined> {
  const { id, caller, request, idempotency } = job;
  const [row] = await database.rows`
    WITH key AS (
      INSERT INTO jobs.idempotency_key AS taken (caller, key, body_hash, job_id, created_at_micros)
      SELECT ${caller}, ${idempotency?.key}::text, ${idempotency?.bodyHash}, ${id}::uuid, ${() => NOW}
      WHERE ${idempotency?.key}::text IS NOT NULL
      ON CONFLICT (caller, key) DO UPDATE
        SET body_hash = excluded.body_hash, job_id = excluded.job_id, created_at_micros = excluded.created_at_micros
        WHERE taken.created_at_micros < ${() => NOW} - ${KEY_LIFE_MICROS}::bigint
      RETURNING 1
    ), job AS (
      INSERT INTO jobs.job
        (id, caller, operation, state, exclusive_key, request, sealed_secrets, warnings,
         created_at_micros, not_before_micros, rung_at_micros)
      SELECT ${id}::uuid, ${caller}, ${request.kind === RESTORE_KIND ? 'RESTORE' : 'BACKUP'}, 'QUEUED',
        ${exclusiveKeyOf(request, job.place)}, ${JSON.stringify(request)}::json, ${job.sealedSecrets},
        ${JSON.stringify(job.warnings)}::json, moment, moment, moment
      FROM (SELECT ${() => NOW} AS moment) AS clock
      WHERE ${idempotency?.key}::text IS NULL OR EXISTS (SELECT FROM key)
      RETURNING *
    )
    SELECT * FROM job`;
  return row && toJob(database.toStoredJob(row));
}

async function findFirst(
  database: JobsDatabase,
  caller: string,
  { key, bodyHash }: Idempotency,
): Promise<string | undefined> {
  const [first] = await database.rows<{ job_id: string; body_hash: string }>`
    SELECT job_id, body_hash FROM jobs.idempotency_key WHERE caller = ${caller} AND key = ${key}`;
  if (first && first.body_hash !== bodyHash) throw new IdempotencyKeyReusedError(first.job_id);
  return first?.job_id;
}
