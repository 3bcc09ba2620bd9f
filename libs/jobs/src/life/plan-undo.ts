import type { Job, RestoreResult, UndoRequest } from '@tidemark/contracts';

import { NothingToUndoError } from './job-errors.js';
import type { JobChanges, SeenJob } from './stored-job.js';

/** What the undo of a restore did, or its redo. */
export interface UndoEnd {
  readonly undone: boolean;
  readonly versionsLeftBehind: number;
  /** The index's floor of stamps when that was so. */
  readonly floorMicros: number;
}

/** What is to be asked of the index for the undo of this job, or its redo where it is undone. Throws NothingToUndoError. */
export function undoOf(job: Job): UndoRequest {
  const { generation, previousGeneration } = restoreOf(job);
  if (previousGeneration === null) throw new NothingToUndoError(job.id, 'the restore replaced no generation');
  return job.undone
    ? { wantedLive: generation, wantedPrevious: previousGeneration }
    : { wantedLive: previousGeneration, wantedPrevious: generation };
}

/** Undefined where the job tells of this undo or redo already, or of a later one. */
export function planUndo({ job }: SeenJob, end: UndoEnd): JobChanges | undefined {
  const { undone, versionsLeftBehind, floorMicros } = end;
  if (floorMicros <= (job.undoFloorMicros ?? -1)) return undefined;
  const changes = { undoFloorMicros: floorMicros, result: { ...restoreOf(job), versionsLeftBehind } };
  return job.undone === undone ? changes : { ...changes, undone };
}

function restoreOf({
  id,
  operation,
  state,
  result,
}: Pick<Job, 'id' | 'operation' | 'state' | 'result'>): RestoreResult {
  if (operation !== 'RESTORE') throw new NothingToUndoError(id, 'the job is not a restore');
  if (state !== 'SUCCEEDED' || !result || !('generation' in result)) {
    throw new NothingToUndoError(id, `the restore is ${state}`);
  }
  return result;
}
