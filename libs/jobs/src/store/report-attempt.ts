import type { FinishingRequest, ProgressReport } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { HOLDING_STATES, LEASED_STATES } from '../life/job-states.js';
import { leaseMicros } from '../life/plan-claim.js';
import { planFinishing, verdictOnUnchanged, type Verdict } from '../life/plan-finishing.js';
import { changeJob } from './change-job.js';
import { asJobId, NOW } from './sql.js';

export interface Heartbeat {
  readonly fence: number;
  readonly leaseSeconds: number;
}

/** Extends the lease of the attempt with this fence. Nobody is told: a heartbeat is no change that callers see. */
export async function heartbeat(
  database: JobsDatabase,
  id: string,
  { fence, leaseSeconds }: Heartbeat,
): Promise<Verdict> {
  const [row] = await database.rows<{ state: string }>`
    WITH beaten AS (
      UPDATE jobs.job
      SET lease_until_micros = greatest(lease_until_micros, ${() => NOW} + ${leaseMicros(leaseSeconds)}::bigint)
      WHERE id = ${asJobId(id)} AND fence = ${fence} AND state = ANY(${HOLDING_STATES})
        AND lease_until_micros IS NOT NULL
      RETURNING state
    )
    SELECT state FROM beaten`;
  if (!row) return 'LOST';
  return row.state === 'CANCELLING' ? 'CANCEL' : 'GO';
}

/**
 * Shows where a running attempt is; false when it has no say any more. Progress that comes late, when the job is
 * FINISHING already or a later report was faster, is no news.
 */
export async function progress(database: JobsDatabase, report: ProgressReport): Promise<boolean> {
  const moved = await database.rows`
    WITH moved AS (
      UPDATE jobs.job
      SET phase = ${report.phase}, progress = ${JSON.stringify(report.progress)}::json,
        report_serial = ${report.serial}, revision = revision + 1
      WHERE id = ${asJobId(report.jobId)} AND fence = ${report.fence} AND state = ANY(${LEASED_STATES})
        AND report_serial < ${report.serial}
      RETURNING 1
    )
    SELECT FROM moved`;
  return moved.length > 0;
}

/**
 * Stores the effect that the attempt is about to make true; from GO on the job can no longer be cancelled and its
 * effect outlives the attempt. The same request again is answered with GO again.
 */
export async function finishing(database: JobsDatabase, id: string, request: FinishingRequest): Promise<Verdict> {
  const change = await changeJob(database, id, (seen) => planFinishing(seen, request));
  return change.outcome === 'CHANGED' ? 'GO' : verdictOnUnchanged(change.job, request);
}
