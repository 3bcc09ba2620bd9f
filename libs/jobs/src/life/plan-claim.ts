import type { Claim, ClaimRequest } from '@tidemark/contracts';

import { nextState } from './job-states.js';
import { withAttempt } from './plan-attempt-end.js';
import { maxAttempts, type RetryRule } from './retry-rule.js';
import { isLeased, type JobChanges, type SeenJob, type StoredJob } from './stored-job.js';

export interface NewClaim extends ClaimRequest {
  readonly leaseSeconds: number;
}

/** What a claim makes of the job; undefined when there is nothing to run now. */
export function planClaim(seen: SeenJob, claim: NewClaim, rule: RetryRule): JobChanges | undefined {
  const { job, nowMicros } = seen;
  const next = nextState(job.state, 'CLAIM');
  if (next === undefined || job.claimId === claim.claimId || !isRunnable(seen)) return undefined;
  return {
    state: next,
    claimId: claim.claimId,
    worker: claim.worker,
    fence: job.fence + 1,
    attempt: Math.min(job.attempt + 1, maxAttempts(rule)),
    attempts: job.leaseUntilMicros === null ? job.attempts : withAttempt(seen, { state: 'LEASE_LOST' }),
    leaseUntilMicros: nowMicros + leaseMicros(claim.leaseSeconds),
    startedAtMicros: job.startedAtMicros ?? nowMicros,
    attemptStartedAtMicros: nowMicros,
    reportSerial: 0,
    ...(job.effect === null ? { phase: 'STARTING', progress: null } : {}),
  };
}

/** A claim with the secrets of the request as they are kept. */
export interface SealedClaim extends Claim {
  readonly sealedSecrets: string | null;
}
export type SealedClaimAnswer = SealedClaim | { readonly outcome: 'NOTHING' };

/** The attempt that holds the job, as its worker is to be told. */
export function claimOf(job: StoredJob, leaseSeconds: number, rule: RetryRule): SealedClaim {
  return {
    outcome: 'CLAIMED',
    jobId: job.id,
    operation: job.operation,
    attempt: job.attempt,
    fence: job.fence,
    leaseSeconds,
    isLast: job.attempt >= maxAttempts(rule),
    isAfterSilence: job.attempts.at(-1)?.error === null,
    request: job.request,
    effect: job.effect,
    sealedSecrets: job.sealedSecrets,
  };
}

export function leaseMicros(leaseSeconds: number): number {
  return Math.round(leaseSeconds * 1_000_000);
}

/** A stored effect of a restore is the gateway's to make true: its switch needs no worker. */
function isRunnable(seen: SeenJob): boolean {
  const { job, nowMicros } = seen;
  if (job.notBeforeMicros > nowMicros) return false;
  return job.state === 'FINISHING' ? job.operation === 'BACKUP' && !isLeased(seen) : !seen.behindAnother;
}
