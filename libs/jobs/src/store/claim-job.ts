import { violates, type JobsDatabase } from '../database/jobs-database.js';
import { HOLDING_STATES } from '../life/job-states.js';
import { claimOf, leaseMicros, planClaim, type NewClaim, type SealedClaimAnswer } from '../life/plan-claim.js';
import type { RetryRule } from '../life/retry-rule.js';
import type { StoredJob } from '../life/stored-job.js';
import { changeJob } from './change-job.js';
import { asJobId, NOW } from './sql.js';

/** The one place where a job comes to its attempts. A claim sent again gets the same answer while its attempt lives. */
export class ClaimJobs {
  constructor(
    private readonly database: JobsDatabase,
    private readonly rule: RetryRule,
  ) {}

  async claim(id: string, claim: NewClaim): Promise<SealedClaimAnswer> {
    const job = (await this.#take(id, claim)) ?? (await this.#repeat(id, claim));
    return job ? claimOf(job, claim.leaseSeconds, this.rule) : { outcome: 'NOTHING' };
  }

  async #take(id: string, claim: NewClaim): Promise<StoredJob | undefined> {
    try {
      const change = await changeJob(this.database, id, (seen) => planClaim(seen, claim, this.rule));
      return change.outcome === 'CHANGED' ? change.job : undefined;
    } catch (error) {
      // Another job with the same exclusive key was claimed between the look and the change.
      if (violates(error, 'job_key_running')) return undefined;
      throw error;
    }
  }

  /** The worker counts its lease from its latest sending, so the lease is extended as well. */
  async #repeat(id: string, { claimId, leaseSeconds }: NewClaim): Promise<StoredJob | undefined> {
    const [row] = await this.database.rows`
      WITH repeated AS (
        UPDATE jobs.job
        SET lease_until_micros = greatest(lease_until_micros, ${() => NOW} + ${leaseMicros(leaseSeconds)}::bigint)
        WHERE id = ${asJobId(id)} AND claim_id = ${claimId} AND lease_until_micros IS NOT NULL
          AND state = ANY(${HOLDING_STATES}) AND NOT (state = 'FINISHING' AND operation = 'RESTORE')
        RETURNING *
      )
      SELECT * FROM repeated`;
    return row && this.database.toStoredJob(row);
  }
}
