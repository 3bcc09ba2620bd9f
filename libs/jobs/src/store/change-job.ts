import type { QueryDeepPartialEntity } from 'typeorm';

import { isTerminal } from '@tidemark/contracts';

import type { JobsDatabase, Row } from '../database/jobs-database.js';
import { jobEntity } from '../database/job-entity.js';
import type { JobChanges, SeenJob, StoredJob } from '../life/stored-job.js';
import { asJobId, BEHIND_ANOTHER, NOW } from './sql.js';

/** LEFT: nothing was changed, since the plan asked for nothing; `job` is then as the plan saw it, if there is one. */
export type Change =
  | { readonly outcome: 'CHANGED'; readonly job: StoredJob }
  | { readonly outcome: 'LEFT'; readonly job: StoredJob | undefined };

/**
 * Reads a job, plans, and writes by compare-and-set on what the plan has seen. Where another was faster it plans
 * again on what that one made of the job. What `plan` throws is thrown, and nothing is changed.
 */
export async function changeJob(
  database: JobsDatabase,
  id: string,
  plan: (seen: SeenJob) => JobChanges | undefined,
): Promise<Change> {
  for (;;) {
    const seen = await seeJob(database, id);
    const changes = seen && plan(seen);
    if (!changes) return { outcome: 'LEFT', job: seen?.job };
    const job = await compareAndSet(database, seen.job, changes);
    if (job) return { outcome: 'CHANGED', job };
  }
}

async function seeJob(database: JobsDatabase, id: string): Promise<SeenJob | undefined> {
  const [row] = await database.rows<Row & { now_micros: number; behind_another: boolean }>`
    SELECT job.*, ${() => NOW} AS now_micros, ${() => BEHIND_ANOTHER} AS behind_another
    FROM jobs.job WHERE id = ${asJobId(id)}`;
  return row && { job: database.toStoredJob(row), nowMicros: row.now_micros, behindAnother: row.behind_another };
}

/** Who has ended a job tells it at once; if that has not been done by then, a sweep does. */
const TELL_AFTER_MICROS = 5_000_000;

/** One statement, which erases the secrets of a job that it ends, and notes that this is to be told; undefined when state, fence, lease or undo are no longer those of `seen`. */
async function compareAndSet(
  database: JobsDatabase,
  seen: StoredJob,
  changes: JobChanges,
): Promise<StoredJob | undefined> {
  const isEnd = changes.state !== undefined && isTerminal(changes.state);
  const values = {
    ...changes,
    ...(isEnd ? { sealedSecrets: null } : {}),
    ...(isEnd || changes.undone !== undefined ? { tellAtMicros: () => `${NOW} + ${TELL_AFTER_MICROS}` } : {}),
    revision: () => 'revision + 1',
  } as QueryDeepPartialEntity<StoredJob>;
  const result = await database.run(
    async (runner) =>
      await runner.manager
        .createQueryBuilder()
        .update(jobEntity)
        .set(values)
        .where('id = :seenId AND state = :seenState AND fence = :seenFence')
        .andWhere('lease_until_micros IS NOT DISTINCT FROM :seenLease')
        .andWhere('undo_floor_micros IS NOT DISTINCT FROM :seenUndo')
        .setParameters({
          seenId: seen.id,
          seenState: seen.state,
          seenFence: seen.fence,
          seenLease: seen.leaseUntilMicros,
          seenUndo: seen.undoFloorMicros,
        })
        .returning('*')
        .execute(),
  );
  const [row] = result.raw as Row[];
  return row && database.toStoredJob(row);
}
