import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { StoreFixture } from '../job-store.fixture.test.js';
import { RESTORE } from '../life/stored-job.fixture.test.js';

const SWITCHED = { outcome: 'SWITCHED', generation: 8, previousGeneration: 7, versionsLeftBehind: 3 } as const;

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open();
});
afterAll(() => jobs.close());

async function restored(): Promise<string> {
  const { jobId } = await jobs.finishing({ request: RESTORE });
  await jobs.store.settleRestore(jobId, SWITCHED);
  return jobId;
}

test('the job says what the undo has done, and what the redo has', async () => {
  const id = await restored();
  const undo = { undone: true, versionsLeftBehind: 5, floorMicros: 10 };
  const undone = await jobs.store.settleUndo(id, undo);
  expect(undone).toMatchObject({ undone: true, result: { generation: 8, versionsLeftBehind: 5 } });
  expect(await jobs.store.settleUndo(id, undo)).toEqual(undone);
  const redo = { undone: false, versionsLeftBehind: 6, floorMicros: 11 };
  expect(await jobs.store.settleUndo(id, redo)).toMatchObject({ undone: false, result: { versionsLeftBehind: 6 } });
});

test('whichever is told first, the job says what the later one has done at the index', async () => {
  for (let round = 0; round < 5; round++) {
    const id = await restored();
    const ends = [10, 11, 12].map((floorMicros) => ({
      undone: floorMicros % 2 === 0,
      versionsLeftBehind: floorMicros,
      floorMicros,
    }));
    await Promise.all(ends.map((end) => jobs.store.settleUndo(id, end)));
    expect(await jobs.store.get(id)).toMatchObject({ undone: true, result: { versionsLeftBehind: 12 } });
  }
});

test('a redo that is told before the undo it took back leaves the job as it is', async () => {
  const id = await restored();
  await jobs.store.settleUndo(id, { undone: false, versionsLeftBehind: 6, floorMicros: 11 });
  await jobs.store.settleUndo(id, { undone: true, versionsLeftBehind: 5, floorMicros: 10 });
  expect(await jobs.store.get(id)).toMatchObject({ undone: false });
});

test('there is nothing to undo of a job that is no restore or has not succeeded', async () => {
  const end = { undone: true, versionsLeftBehind: 0, floorMicros: 1 };
  const { jobId } = await jobs.running();
  const { jobId: finishing } = await jobs.finishing({ request: RESTORE });
  for (const id of [jobId, finishing]) {
    await expect(jobs.store.settleUndo(id, end)).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
  }
  await expect(jobs.store.settleUndo('no-uuid', end)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
