import { errorFacts, type ErrorCode, type JobState } from '@tidemark/contracts';

/** How often a job is tried, and how long after the end of one attempt the next may start. */
export interface RetryRule {
  /** Seconds after attempt 1, 2, …; one attempt more than there are entries. */
  readonly backOffSeconds: readonly number[];
}

export const FIVE_ATTEMPTS: RetryRule = { backOffSeconds: [1, 5, 25, 60] };

export function maxAttempts(rule: RetryRule): number {
  return rule.backOffSeconds.length + 1;
}

/** After the last attempt (of a job in FINISHING, which is tried for ever) the longest pause again. */
export function backOffAfter(rule: RetryRule, attempt: number): number {
  return rule.backOffSeconds[attempt - 1] ?? rule.backOffSeconds.at(-1) ?? 0;
}

/**
 * Whether another attempt may mend an error, by the closed table of codes and not by what a worker says.
 * Once an effect is stored, DELIVERY_LOST says that it can never be made true, and there is no way back.
 */
export function isMendable(code: ErrorCode, state: JobState): boolean {
  if (code === 'DELIVERY_LOST' && state === 'FINISHING') return false;
  return errorFacts(code).retriable;
}
