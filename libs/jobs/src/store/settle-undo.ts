import { NotFoundError, type Job } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { planUndo, type UndoEnd } from '../life/plan-undo.js';
import { toJob } from '../life/stored-job.js';
import { changeJob } from './change-job.js';

/** Throws NotFoundError, NothingToUndoError. */
export async function settleUndo(database: JobsDatabase, id: string, end: UndoEnd): Promise<Job> {
  const { job } = await changeJob(database, id, (seen) => planUndo(seen, end));
  if (!job) throw new NotFoundError(`job ${id.slice(0, 100)}`);
  return toJob(job);
}
