import { TidemarkError, type TerminalState } from '@tidemark/contracts';

/** The job's effect is being made true: it can no longer be cancelled. */
export class JobFinishingError extends TidemarkError {
  readonly code = 'JOB_FINISHING';
  constructor(readonly jobId: string) {
    super('the job is finishing and can no longer be cancelled', { details: { jobId } });
  }
}

export class JobEndedError extends TidemarkError {
  readonly code = 'JOB_ENDED';
  constructor(
    readonly jobId: string,
    readonly state: TerminalState,
  ) {
    super(`the job has ended: it is ${state}`, { details: { jobId, state } });
  }
}

/** Only a restore that succeeded can be undone, and only while its two generations are the ones in service. */
export class NothingToUndoError extends TidemarkError {
  readonly code = 'NOTHING_TO_UNDO';
  constructor(
    readonly jobId: string,
    why: string,
  ) {
    super(`there is nothing to undo: ${why}`, { details: { jobId } });
  }
}

/** The caller used this key less than seven days ago for a request with another body. */
export class IdempotencyKeyReusedError extends TidemarkError {
  readonly code = 'IDEMPOTENCY_KEY_REUSED';
  constructor(readonly jobId: string) {
    super('this idempotency key was used before with another body', { details: { jobId } });
  }
}
