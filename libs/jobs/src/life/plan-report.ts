import type { SettledReport } from '@tidemark/contracts';

import { planAttemptEnd } from './plan-attempt-end.js';
import type { RetryRule } from './retry-rule.js';
import { mergeWarnings, type JobChanges, type SeenJob } from './stored-job.js';

/** What a worker's last report makes of the job; undefined when the worker has no say in it (any more). */
export function planReport(seen: SeenJob, report: SettledReport, rule: RetryRule): JobChanges | undefined {
  const { job } = seen;
  const isTheGateways = job.operation === 'RESTORE' && job.state === 'FINISHING';
  if (job.fence !== report.fence || job.leaseUntilMicros === null || isTheGateways) return undefined;
  const changes = planAttemptEnd(seen, report.outcome, rule);
  return changes && { ...changes, warnings: mergeWarnings(changes.warnings ?? job.warnings, report.warnings) };
}

/** What a lease that ran out makes of the job; undefined when it has not run out after all, or does not matter. */
export function planLeaseLost(seen: SeenJob, rule: RetryRule): JobChanges | undefined {
  const { job, nowMicros } = seen;
  const isOver = job.leaseUntilMicros !== null && job.leaseUntilMicros < nowMicros;
  return isOver && job.state !== 'FINISHING' ? planAttemptEnd(seen, { state: 'LEASE_LOST' }, rule) : undefined;
}
