import {
  errorFacts,
  isTerminal,
  type JobAttempt,
  type JobError,
  type JobProgress,
  type JobResult,
  type JobState,
} from '@tidemark/contracts';

import { nextState, type JobEvent } from './job-states.js';
import { backOffAfter, isMendable, maxAttempts, type RetryRule } from './retry-rule.js';
import { cancelledWarnings, isTouched, type JobChanges, type SeenJob, type StoredJob } from './stored-job.js';

/** An error as it is reported; which attempt met it and whether it is retriable is not the reporter's to say. */
export type ReportedError = Omit<JobError, 'attempt' | 'retriable'>;

/** How an attempt ended: as its worker reports, by its lease, or (of a restore) as the switch was answered. */
export type AttemptEnd =
  | { readonly state: 'SUCCEEDED'; readonly result: JobResult }
  | { readonly state: 'FAILED'; readonly error: ReportedError }
  | { readonly state: 'CANCELLED'; readonly destinationTouched?: boolean | undefined }
  | { readonly state: 'HANDED_BACK' }
  | { readonly state: 'LEASE_LOST' };

/** What the end of the running attempt makes of the job; undefined where the table knows no such move. */
export function planAttemptEnd(seen: SeenJob, end: AttemptEnd, rule: RetryRule): JobChanges | undefined {
  const { job } = seen;
  const next = nextState(job.state, eventOf(job, end, rule));
  if (next === undefined) return undefined;
  const attempts = attemptsAfter(seen, end, next);
  return {
    state: next,
    fence: job.fence + 1,
    leaseUntilMicros: null,
    attempts,
    ...(next === 'CANCELLED' ? { warnings: cancelledWarnings({ warnings: job.warnings, attempts }) } : {}),
    ...(isTerminal(next) ? ended(seen, end, next) : pausing(seen, end, rule)),
    ...(next === 'QUEUED' ? { phase: null, progress: null } : {}),
  };
}

function eventOf(job: StoredJob, end: AttemptEnd, rule: RetryRule): JobEvent {
  switch (end.state) {
    case 'SUCCEEDED':
      return 'SUCCEED';
    case 'CANCELLED':
      return 'STOP';
    case 'HANDED_BACK':
      return 'HAND_BACK';
    case 'LEASE_LOST':
      return retryEvent(job, rule);
    case 'FAILED':
      return isMendable(end.error.code, job.state) ? retryEvent(job, rule) : 'FAIL';
  }
}

function retryEvent(job: StoredJob, rule: RetryRule): JobEvent {
  return job.attempt < maxAttempts(rule) ? 'RETRY' : 'EXHAUST';
}

function ended({ job, nowMicros }: SeenJob, end: AttemptEnd, state: JobState): JobChanges {
  return {
    phase: null,
    endedAtMicros: nowMicros,
    result: state === 'SUCCEEDED' && end.state === 'SUCCEEDED' ? end.result : null,
    error: state === 'FAILED' ? withTouch(job, errorOf(job, end) ?? attemptsExhausted(job)) : null,
    ...(state === 'SUCCEEDED' && job.progress ? { progress: complete(job.progress) } : {}),
  };
}

/** Reports of progress are transient: the last one may not have said that all is done. */
function complete(progress: JobProgress): JobProgress {
  const { versionsDone, versionsTotal, bytesDone, bytesTotal } = progress;
  const done = { versionsDone: versionsTotal ?? versionsDone, bytesDone: bytesTotal ?? bytesDone };
  return { ...progress, ...done, percent: 100, etaSeconds: 0 };
}

function pausing(seen: SeenJob, end: AttemptEnd, rule: RetryRule): JobChanges {
  const { job } = seen;
  if (end.state === 'HANDED_BACK') {
    return { attempt: job.attempt - 1, notBeforeMicros: seen.nowMicros, rungAtMicros: null };
  }
  const pauseMicros = backOffAfter(rule, job.attempt) * 1_000_000;
  return { notBeforeMicros: endedAt(seen, end) + pauseMicros, rungAtMicros: null };
}

/** One entry for each attempt that counts and did not succeed; attempts that repeat a number replace its entry. */
function attemptsAfter(seen: SeenJob, end: AttemptEnd, next: JobState): JobAttempt[] {
  const { job } = seen;
  const uncounted = end.state === 'HANDED_BACK' && !isTerminal(next);
  return next === 'SUCCEEDED' || uncounted ? job.attempts : withAttempt(seen, end);
}

/** The attempts of a job with the running one among them, ended; its error is null where none was reported. */
export function withAttempt(seen: SeenJob, end: AttemptEnd): JobAttempt[] {
  const { job } = seen;
  const endedAtMicros = endedAt(seen, end);
  const startedAtMicros = job.attemptStartedAtMicros ?? endedAtMicros;
  return [
    ...job.attempts.filter(({ attempt }) => attempt !== job.attempt),
    { attempt: job.attempt, startedAtMicros, endedAtMicros, error: errorOf(job, end) },
  ];
}

/** An attempt that lost its lease ended when the lease ran out, however late that is seen. */
function endedAt({ job, nowMicros }: SeenJob, end: AttemptEnd): number {
  return end.state === 'LEASE_LOST' ? Math.min(nowMicros, job.leaseUntilMicros ?? nowMicros) : nowMicros;
}

function errorOf(job: StoredJob, end: AttemptEnd): JobError | null {
  if (end.state === 'CANCELLED') return end.destinationTouched ? touchedByCancelled(job) : null;
  if (end.state !== 'FAILED') return null;
  return { ...end.error, attempt: job.attempt, retriable: errorFacts(end.error.code).retriable };
}

/** That an attempt was cancelled is no error of its own; what it has overwritten must be told all the same. */
function touchedByCancelled({ attempt, phase }: StoredJob): JobError {
  const message = 'the job was cancelled when bytes had been sent to its destination';
  const { retriable } = errorFacts('CANCELLED');
  return { code: 'CANCELLED', message, phase, attempt, retriable, destinationTouched: true };
}

/** What one attempt has overwritten at a destination, the next one that fails has not put back. */
function withTouch(job: StoredJob, error: JobError): JobError {
  return isTouched(job.attempts) ? { ...error, destinationTouched: true } : error;
}

function attemptsExhausted(job: StoredJob): JobError {
  return {
    code: 'ATTEMPTS_EXHAUSTED',
    message: `the worker of attempt ${job.attempt}, the last one, was not heard of for a whole lease`,
    phase: job.phase,
    attempt: job.attempt,
    retriable: errorFacts('ATTEMPTS_EXHAUSTED').retriable,
    details: { attempts: job.attempt },
  };
}
