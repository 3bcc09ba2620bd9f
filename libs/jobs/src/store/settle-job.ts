import type { Job, SettledReport } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { planReport } from '../life/plan-report.js';
import { planSwitchEnd, type SwitchEnd } from '../life/plan-switch-end.js';
import type { RetryRule } from '../life/retry-rule.js';
import { toJob } from '../life/stored-job.js';
import { changeJob, type Change } from './change-job.js';

/** LOST: the reporter has no say in the job (any more); a report that came twice is one such. */
export type Settlement = { readonly outcome: 'SETTLED'; readonly job: Job } | { readonly outcome: 'LOST' };

/** Where the end of an attempt becomes the job's next state: terminal, or queued, or (with an effect) still finishing. */
export class SettleJobs {
  constructor(
    private readonly database: JobsDatabase,
    private readonly rule: RetryRule,
  ) {}

  async settle(report: SettledReport): Promise<Settlement> {
    return settlementOf(await changeJob(this.database, report.jobId, (seen) => planReport(seen, report, this.rule)));
  }

  async settleRestore(id: string, end: SwitchEnd): Promise<Settlement> {
    return settlementOf(await changeJob(this.database, id, (seen) => planSwitchEnd(seen, end, this.rule)));
  }
}

function settlementOf(change: Change): Settlement {
  return change.outcome === 'CHANGED' ? { outcome: 'SETTLED', job: toJob(change.job) } : { outcome: 'LOST' };
}
