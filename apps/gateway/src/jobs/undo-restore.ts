import type { Job } from '@tidemark/contracts';
import { NothingToUndoError, undoOf } from '@tidemark/jobs';

import type { GatewayParts } from '../tokens.js';

/** For the switch and for counting what it leaves behind. */
const ANSWER_MILLIS = 60_000;

/**
 * Lets the generation that a restore replaced be the live one again, or, where that was done, the restored one. May be
 * repeated after any failure: what is asked for is a state, and the job says it only when it is true.
 * Throws NotFoundError, NothingToUndoError, SWITCH_BUSY, INDEX_UNAVAILABLE.
 */
export async function undoRestore(
  { jobs, index, ends }: Pick<GatewayParts, 'jobs' | 'index' | 'ends'>,
  id: string,
): Promise<Job> {
  const job = await jobs.get(id);
  const answer = await index.undo(undoOf(job), AbortSignal.timeout(ANSWER_MILLIS));
  if (answer.outcome === 'REFUSED') {
    throw new NothingToUndoError(
      id,
      `its generations are not the live and the previous one any more (${answer.live}, ${answer.previous ?? 'none'})`,
    );
  }
  const { versionsLeftBehind, floorMicros } = answer;
  const changed = await jobs.settleUndo(id, { undone: !job.undone, versionsLeftBehind, floorMicros });
  void ends.tellUndo(changed);
  return changed;
}
