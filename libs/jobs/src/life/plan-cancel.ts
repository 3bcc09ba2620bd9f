import { isTerminal } from '@tidemark/contracts';

import { JobEndedError, JobFinishingError } from './job-errors.js';
import { nextState } from './job-states.js';
import { cancelledWarnings, type JobChanges, type SeenJob } from './stored-job.js';

/**
 * What a caller's wish to cancel makes of the job; undefined when it has been cancelled or is being so.
 * Throws JobFinishingError, JobEndedError.
 */
export function planCancel({ job, nowMicros }: SeenJob): JobChanges | undefined {
  const next = nextState(job.state, 'CANCEL');
  if (next === undefined) {
    throw isTerminal(job.state) ? new JobEndedError(job.id, job.state) : new JobFinishingError(job.id);
  }
  if (next === job.state) return undefined;
  if (!isTerminal(next)) return { state: next };
  return { state: next, phase: null, endedAtMicros: nowMicros, warnings: cancelledWarnings(job) };
}
