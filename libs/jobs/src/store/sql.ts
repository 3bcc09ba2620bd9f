import { HOLDING_STATES } from '../life/job-states.js';

/** Pieces of SQL that statements share; `job` is their table. */

/** Microseconds of the database's clock, at the very moment. */
export const NOW = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

const HOLDING = `'{${HOLDING_STATES.join(',')}}'::text[]`;

/** Jobs with one exclusive key run one at a time, in the order of their creation. */
export const BEHIND_ANOTHER = `EXISTS (
  SELECT FROM jobs.job AS other
  WHERE other.exclusive_key = job.exclusive_key AND other.id <> job.id
    AND (other.state = ANY(${HOLDING}) OR (other.state = 'QUEUED' AND other.position < job.position)))`;

/** What a worker may claim now. */
export const RUNNABLE = `(
  job.not_before_micros <= ${NOW} AND (
    (job.state = 'QUEUED' AND NOT ${BEHIND_ANOTHER})
    OR (job.state = 'FINISHING' AND job.operation = 'BACKUP'
      AND (job.lease_until_micros IS NULL OR job.lease_until_micros < ${NOW}))))`;

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The id as the database compares it: null, which nothing equals, where it cannot be the id of a job. */
export function asJobId(id: string): string | null {
  return UUID.test(id) ? id : null;
}
