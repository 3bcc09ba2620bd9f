import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';

import type { Job } from '@tidemark/contracts';

import { StoreFixture } from '../job-store.fixture.test.js';
import { RESULT } from '../life/stored-job.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open();
});
afterEach(() => jobs.clear());
afterAll(() => jobs.close());

async function ended(): Promise<Job> {
  const { jobId, fence } = await jobs.finishing();
  const settlement = await jobs.store.settle({ jobId, fence, outcome: { state: 'SUCCEEDED', result: RESULT } });
  if (settlement.outcome !== 'SETTLED') throw new Error(settlement.outcome);
  return settlement.job;
}

const due = (id: string): Promise<unknown> => jobs.set(id, 'tell_at_micros = 1');

test('an end that nobody has told is given to one who tells it, when whoever ended the job has had his time', async () => {
  const job = await ended();
  await jobs.running();
  await jobs.set(job.id, 'tell_at_micros = tell_at_micros + 60000000');
  expect(await jobs.store.takeUntold(10)).toEqual([]);
  await due(job.id);
  const taken = await Promise.all([1, 2, 3].map(() => jobs.store.takeUntold(10)));
  expect(taken.flat()).toEqual([job]);
  expect(await jobs.store.takeUntold(10)).toEqual([]);
  await due(job.id);
  expect(await jobs.store.takeUntold(10)).toEqual([job]);
});

test('one that was told is not told again, and telling is no change that callers see', async () => {
  const job = await ended();
  await jobs.store.told(job);
  expect(await jobs.column(job.id, 'tell_at_micros')).toBeNull();
  expect(await jobs.store.get(job.id)).toEqual(job);
});

test('a job that has changed since is still to be told', async () => {
  const job = await ended();
  await jobs.store.told({ ...job, revision: job.revision - 1 });
  await due(job.id);
  expect(await jobs.store.takeUntold(10)).toEqual([job]);
});

test('the longest waiting come first, so many at a time; a job that is cancelled while it waits has ended as well', async () => {
  const [first, second] = [await ended(), await jobs.store.cancel((await jobs.create()).id)];
  for (const { id } of [first, second]) await due(id);
  await jobs.set(second.id, 'tell_at_micros = 0');
  expect(await jobs.store.takeUntold(1)).toEqual([second]);
  expect(await jobs.store.takeUntold(1)).toEqual([first]);
});
