import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { StoreFixture } from '../job-store.fixture.test.js';
import { RESTORE, RESULT } from '../life/stored-job.fixture.test.js';

let jobs: StoreFixture;
const ids: string[] = [];
beforeAll(async () => {
  jobs = await StoreFixture.open();
  expect(await jobs.store.figures()).toMatchObject({ countByState: { QUEUED: 0, FAILED: 0 }, lastBackup: null });
  for (const request of [undefined, RESTORE, undefined, RESTORE, undefined]) {
    ids.unshift((await jobs.create(request ? { request } : {})).id);
  }
});
afterAll(() => jobs.close());

describe('the list', () => {
  test('is newest first', async () => {
    const { jobs: all, next } = await jobs.store.list({ limit: 10 });
    expect(all.map(({ id }) => id)).toEqual(ids);
    expect(next).toBeNull();
  });

  test('goes on where the page before ended, whatever is created meanwhile', async () => {
    const first = await jobs.store.list({ limit: 2 });
    const late = await jobs.create();
    const second = await jobs.store.list({ limit: 2, after: first.next ?? undefined });
    const third = await jobs.store.list({ limit: 2, after: second.next ?? undefined });
    expect([first, second, third].flatMap((page) => page.jobs.map(({ id }) => id))).toEqual(ids);
    expect(third.next).toBeNull();
    ids.unshift(late.id);
  });

  test('has no next page when the last one is just full', async () => {
    expect((await jobs.store.list({ limit: ids.length })).next).toBeNull();
  });

  test('filters by states and operation', async () => {
    await jobs.store.cancel(ids[0]!);
    await jobs.claim(ids[1]!);
    const idsOf = async (query: object): Promise<string[]> =>
      (await jobs.store.list({ limit: 10, ...query })).jobs.map(({ id }) => id);
    expect(await idsOf({ states: ['CANCELLED'] })).toEqual([ids[0]]);
    expect(await idsOf({ states: ['CANCELLED', 'RUNNING'] })).toEqual([ids[0], ids[1]]);
    expect(await idsOf({ states: [] })).toEqual([]);
    expect(await idsOf({ operation: 'RESTORE' })).toEqual([ids[2], ids[4]]);
    expect(await idsOf({ operation: 'RESTORE', states: ['RUNNING'] })).toEqual([]);
  });
});

describe('one job', () => {
  test.each(['01990000-0000-7000-8000-00000000dead', 'no-uuid', "'; DROP TABLE jobs.job", ''])(
    'that is not there is not found: %p',
    async (id) => {
      await expect(jobs.store.get(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );
});

test('the figures count by state and know the last successful backup', async () => {
  const succeeded = async (): Promise<string> => {
    const { jobId, fence } = await jobs.finishing();
    await jobs.store.settle({ jobId, fence, outcome: { state: 'SUCCEEDED', result: RESULT } });
    return jobId;
  };
  await succeeded();
  const last = await succeeded();
  const { countByState, lastBackup } = await jobs.store.figures();
  expect(countByState).toEqual({
    QUEUED: 4,
    RUNNING: 1,
    FINISHING: 0,
    CANCELLING: 0,
    SUCCEEDED: 2,
    FAILED: 0,
    CANCELLED: 1,
  });
  expect(lastBackup).toEqual(await jobs.store.get(last));
});
