import { NotFoundError, type Job } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { planCancel } from '../life/plan-cancel.js';
import { toJob } from '../life/stored-job.js';
import { changeJob } from './change-job.js';

/** Throws NotFoundError, JobFinishingError, JobEndedError. */
export async function cancelJob(database: JobsDatabase, id: string): Promise<Job> {
  const { job } = await changeJob(database, id, planCancel);
  if (!job) throw new NotFoundError(`job ${id.slice(0, 100)}`);
  return toJob(job);
}
