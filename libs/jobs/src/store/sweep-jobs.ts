import type { Job, Operation, SwitchEffect } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { LEASED_STATES } from '../life/job-states.js';
import { planLeaseLost } from '../life/plan-report.js';
import type { RetryRule } from '../life/retry-rule.js';
import { toJob } from '../life/stored-job.js';
import { changeJob } from './change-job.js';
import { asJobId, NOW, RUNNABLE } from './sql.js';

/** A job that a worker may claim now. */
export interface RunnableJob {
  readonly jobId: string;
  readonly operation: Operation;
}

/** A restore whose staged generation is complete and waits to become the live one. */
export interface WaitingSwitch {
  readonly jobId: string;
  readonly effect: SwitchEffect;
}

export interface SweepTurn {
  /** What was given out so recently is not given out again. */
  readonly againAfterSeconds: number;
  readonly limit: number;
}

/** What makes good for lost messages, dead workers and missed answers. Any number of gateways may do it at once. */
export class SweepJobs {
  constructor(
    private readonly database: JobsDatabase,
    private readonly rule: RetryRule,
  ) {}

  /** Oldest first; marks them as rung for now. */
  async takeJobsToRing({ againAfterSeconds, limit }: SweepTurn): Promise<RunnableJob[]> {
    return await this.database.rows<{ jobId: string; operation: Operation }>`
      WITH due AS MATERIALIZED (
        SELECT job.id FROM jobs.job
        WHERE job.state IN ('QUEUED', 'FINISHING') AND ${() => RUNNABLE} AND ${() => notRungFor(againAfterSeconds)}
        ORDER BY job.position LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ), rung AS (
        UPDATE jobs.job SET rung_at_micros = ${() => NOW} FROM due WHERE job.id = due.id
        RETURNING job.position, job.id, job.operation
      )
      SELECT id AS "jobId", operation FROM rung ORDER BY position`;
  }

  /** The job that waited for this one to end, if it may run now; marks it as rung. */
  async takeNextBehind(endedId: string): Promise<RunnableJob | undefined> {
    const [next] = await this.database.rows<{ jobId: string; operation: Operation }>`
      WITH next AS MATERIALIZED (
        SELECT job.id FROM jobs.job
        WHERE job.exclusive_key = (SELECT exclusive_key FROM jobs.job WHERE id = ${asJobId(endedId)})
          AND job.state = 'QUEUED' AND ${() => RUNNABLE}
        LIMIT 1 FOR UPDATE SKIP LOCKED
      ), rung AS (
        UPDATE jobs.job SET rung_at_micros = ${() => NOW} FROM next WHERE job.id = next.id
        RETURNING job.id, job.operation
      )
      SELECT id AS "jobId", operation FROM rung`;
    return next;
  }

  /** Marks them as asked for now, so that one gateway at a time asks for a switch. */
  async takeSwitches({ againAfterSeconds, limit }: SweepTurn): Promise<WaitingSwitch[]> {
    return await this.database.rows<{ jobId: string; effect: SwitchEffect }>`
      WITH due AS MATERIALIZED (
        SELECT job.id FROM jobs.job
        WHERE job.state = 'FINISHING' AND job.operation = 'RESTORE' AND job.not_before_micros <= ${() => NOW}
          AND ${() => notRungFor(againAfterSeconds)}
        ORDER BY job.position LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ), asked AS (
        UPDATE jobs.job SET rung_at_micros = ${() => NOW} FROM due WHERE job.id = due.id
        RETURNING job.id, job.effect
      )
      SELECT id AS "jobId", effect FROM asked`;
  }

  /**
   * Ends the attempts whose lease has run out: their jobs are queued again, have failed or are cancelled. Gives back
   * the jobs that this call changed. A gateway that has just started waits for one lease time before it calls this.
   */
  async expireLeases(limit: number): Promise<Job[]> {
    const candidates = await this.database.rows<{ id: string }>`
      SELECT id FROM jobs.job
      WHERE state = ANY(${LEASED_STATES}) AND lease_until_micros < ${() => NOW}
      ORDER BY lease_until_micros LIMIT ${limit}`;
    const expired: Job[] = [];
    for (const { id } of candidates) {
      const change = await changeJob(this.database, id, (seen) => planLeaseLost(seen, this.rule));
      if (change.outcome === 'CHANGED') expired.push(toJob(change.job));
    }
    return expired;
  }
}

function notRungFor(seconds: number): string {
  return `(job.rung_at_micros IS NULL OR job.rung_at_micros <= ${NOW} - ${Math.round(seconds * 1_000_000)})`;
}
