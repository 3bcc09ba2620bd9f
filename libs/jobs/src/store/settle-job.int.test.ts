import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { jobSchema, type Outcome, type SettledReport } from '@tidemark/contracts';

import { AT_ONCE, StoreFixture } from '../job-store.fixture.test.js';
import { FILE_EFFECT, RESTORE, RESULT, SWITCH_EFFECT } from '../life/stored-job.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open({ retryRule: AT_ONCE });
});
afterAll(() => jobs.close());

const LOST = { outcome: 'LOST' };
const SUCCEEDED: Outcome = { state: 'SUCCEEDED', result: RESULT };
const failed = (code: 'DESTINATION_TIMEOUT' | 'ARCHIVE_DAMAGED' | 'DELIVERY_LOST', retriable = true): Outcome => ({
  state: 'FAILED',
  error: { code, message: 'what happened', phase: 'DELIVERING', retriable, destinationTouched: true },
});
const settle = (report: SettledReport): ReturnType<typeof jobs.store.settle> => jobs.store.settle(report);

describe('a backup', () => {
  test('succeeds after its effect was stored, once', async () => {
    const { jobId, fence } = await jobs.finishing();
    const report = { jobId, fence, outcome: SUCCEEDED, warnings: ['slow disk'] };
    const settled = await settle(report);
    expect(settled).toMatchObject({
      outcome: 'SETTLED',
      job: { state: 'SUCCEEDED', result: RESULT, error: null, attempts: [], phase: null, warnings: ['slow disk'] },
    });
    const job = await jobs.store.get(jobId);
    expect(jobSchema.strict().parse(job)).toEqual(job);
    expect(await settle(report)).toEqual(LOST);
    expect(await jobs.store.get(jobId)).toEqual(job);
  });

  test('does not succeed without its effect', async () => {
    const { jobId, fence } = await jobs.running();
    expect(await settle({ jobId, fence, outcome: SUCCEEDED })).toEqual(LOST);
    expect((await jobs.store.get(jobId)).state).toBe('RUNNING');
  });

  test('is tried five times, and keeps what happened to each attempt', async () => {
    const { id } = await jobs.create();
    for (let attempt = 1; attempt <= 5; attempt++) {
      const { fence, attempt: claimed } = await jobs.claim(id);
      expect(claimed).toBe(attempt);
      await settle({ jobId: id, fence, outcome: failed('DESTINATION_TIMEOUT', false) });
    }
    const job = await jobs.store.get(id);
    const error = (attempt: number): object => ({
      code: 'DESTINATION_TIMEOUT',
      message: 'what happened',
      phase: 'DELIVERING',
      destinationTouched: true,
      attempt,
      retriable: true,
    });
    expect(job).toMatchObject({ state: 'FAILED', attempt: 5, error: error(5) });
    expect(job.attempts.map((attempt) => attempt.error)).toEqual([1, 2, 3, 4, 5].map(error));
    expect(jobSchema.strict().parse(job)).toEqual(job);
  });

  test('fails at once with an error that lasts', async () => {
    const { jobId, fence } = await jobs.running();
    expect(await settle({ jobId, fence, outcome: failed('ARCHIVE_DAMAGED') })).toMatchObject({
      job: { state: 'FAILED', error: { code: 'ARCHIVE_DAMAGED', retriable: false, attempt: 1 } },
    });
  });

  test('handed back runs again at once, any number of times', async () => {
    const { id } = await jobs.create();
    for (let round = 0; round < 7; round++) {
      const { attempt, fence } = await jobs.claim(id);
      expect(attempt).toBe(1);
      const settled = await settle({ jobId: id, fence, outcome: { state: 'HANDED_BACK' } });
      expect(settled).toMatchObject({ job: { state: 'QUEUED', attempt: 0, attempts: [] } });
    }
  });

  test('says each warning once', async () => {
    const { jobId, fence } = await jobs.running({ warnings: ['a'] });
    await jobs.store.finishing(jobId, { fence, effect: FILE_EFFECT, warnings: ['a', 'b'] });
    await settle({ jobId, fence, outcome: SUCCEEDED, warnings: ['b', 'c'] });
    expect((await jobs.store.get(jobId)).warnings).toEqual(['a', 'b', 'c']);
  });

  test('keeps what a foreign server says, whatever characters are in it', async () => {
    const { jobId, fence } = await jobs.running();
    const message = 'server said \u0000 and \ud800';
    const error = { code: 'DESTINATION_REFUSED', message, phase: null, retriable: false } as const;
    await settle({ jobId, fence, outcome: { state: 'FAILED', error } });
    expect((await jobs.store.get(jobId)).error?.message).toBe(message);
  });
});

describe('a backup in FINISHING', () => {
  test('keeps its effect through any number of errors that may pass', async () => {
    const { jobId } = await jobs.finishing();
    let fence = 1;
    for (let round = 0; round < 7; round++) {
      expect(await settle({ jobId, fence, outcome: failed('DESTINATION_TIMEOUT') })).toMatchObject({
        job: { state: 'FINISHING', error: null },
      });
      expect(await settle({ jobId, fence, outcome: failed('DESTINATION_TIMEOUT') })).toEqual(LOST);
      const claim = await jobs.claim(jobId);
      expect(claim.effect).toEqual(FILE_EFFECT);
      fence = claim.fence;
    }
    const job = await jobs.store.get(jobId);
    expect(job.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(await settle({ jobId, fence, outcome: SUCCEEDED })).toMatchObject({
      job: { state: 'SUCCEEDED', attempt: 5 },
    });
  });

  test.each(['DELIVERY_LOST', 'ARCHIVE_DAMAGED'] as const)('fails with %s', async (code) => {
    const { jobId, fence } = await jobs.finishing();
    expect(await settle({ jobId, fence, outcome: failed(code) })).toMatchObject({
      job: { state: 'FAILED', error: { code }, attempts: [{ attempt: 1 }] },
    });
  });

  test('handed back is finished by the next attempt at once', async () => {
    const { jobId, fence } = await jobs.finishing();
    await settle({ jobId, fence, outcome: { state: 'HANDED_BACK' } });
    expect(await jobs.claim(jobId)).toMatchObject({ attempt: 1, effect: FILE_EFFECT });
  });

  test('can still be settled by the attempt whose lease ran out, as long as no other has claimed it', async () => {
    const { jobId, fence } = await jobs.finishing();
    await jobs.loseLease(jobId);
    expect(await settle({ jobId, fence, outcome: SUCCEEDED })).toMatchObject({ job: { state: 'SUCCEEDED' } });
  });
});

describe('a restore', () => {
  const SWITCHED = { outcome: 'SWITCHED', generation: 8, previousGeneration: 7, versionsLeftBehind: 3 } as const;

  test('in FINISHING is settled by the switch alone, once', async () => {
    const { jobId, fence } = await jobs.finishing({ request: RESTORE });
    for (const outcome of [failed('ARCHIVE_DAMAGED'), { state: 'HANDED_BACK' }, SUCCEEDED] as Outcome[]) {
      expect(await settle({ jobId, fence, outcome })).toEqual(LOST);
    }
    expect(await jobs.store.settleRestore(jobId, SWITCHED)).toMatchObject({
      outcome: 'SETTLED',
      job: {
        state: 'SUCCEEDED',
        result: {
          documents: SWITCH_EFFECT.documents,
          versions: SWITCH_EFFECT.versions,
          effectiveBoundaryMicros: SWITCH_EFFECT.effectiveBoundaryMicros,
          generation: 8,
          previousGeneration: 7,
          versionsLeftBehind: 3,
          partsRead: SWITCH_EFFECT.partsRead,
          partsSkipped: SWITCH_EFFECT.partsSkipped,
          restartRequired: false,
          seconds: expect.any(Number),
        },
      },
    });
    const job = await jobs.store.get(jobId);
    expect(jobSchema.strict().parse(job)).toEqual(job);
    expect(await jobs.store.settleRestore(jobId, SWITCHED)).toEqual(LOST);
  });

  test('whose index has moved fails with INDEX_MOVED', async () => {
    const { jobId } = await jobs.finishing({ request: RESTORE });
    expect(await jobs.store.settleRestore(jobId, { outcome: 'REFUSED', live: 9, expectedLive: 7 })).toMatchObject({
      job: {
        state: 'FAILED',
        error: { code: 'INDEX_MOVED', phase: 'SWITCHING', details: { live: 9, expectedLive: 7 } },
      },
    });
  });

  test('whose switch is busy waits for another try, and says why', async () => {
    const { jobId } = await jobs.finishing({ request: RESTORE });
    const error = { code: 'SWITCH_BUSY', message: 'writers', phase: 'SWITCHING' } as const;
    for (let round = 0; round < 7; round++) {
      expect(await jobs.store.settleRestore(jobId, { outcome: 'FAILED', error })).toMatchObject({
        job: { state: 'FINISHING', attempts: [{ attempt: 1, error: { code: 'SWITCH_BUSY' } }] },
      });
    }
    expect(await jobs.store.settleRestore(jobId, SWITCHED)).toMatchObject({ job: { state: 'SUCCEEDED' } });
  });

  test('whose staged generation is gone fails', async () => {
    const { jobId } = await jobs.finishing({ request: RESTORE });
    const error = { code: 'NOT_FOUND', message: 'staged generation 8 not found', phase: 'SWITCHING' } as const;
    expect(await jobs.store.settleRestore(jobId, { outcome: 'FAILED', error })).toMatchObject({
      job: { state: 'FAILED', error: { code: 'NOT_FOUND' } },
    });
  });

  test('is not settled by a switch before it is in FINISHING; nor is a backup ever', async () => {
    const { jobId, fence } = await jobs.running({ request: RESTORE });
    expect(await jobs.store.settleRestore(jobId, SWITCHED)).toEqual(LOST);
    await settle({ jobId, fence, outcome: failed('ARCHIVE_DAMAGED') });
    expect(await jobs.store.settleRestore((await jobs.finishing()).jobId, SWITCHED)).toEqual(LOST);
    expect(await jobs.store.settleRestore('no-uuid', SWITCHED)).toEqual(LOST);
  });
});

test('a report about an unknown job is lost', async () => {
  const jobId = '01990000-0000-7000-8000-00000000dead';
  expect(await settle({ jobId, fence: 1, outcome: SUCCEEDED })).toEqual(LOST);
});

test('of twenty equal reports at once one settles', async () => {
  const { jobId, fence } = await jobs.running();
  const reports = Array.from({ length: 20 }, () => settle({ jobId, fence, outcome: failed('DESTINATION_TIMEOUT') }));
  const settled = (await Promise.all(reports)).filter(({ outcome }) => outcome === 'SETTLED');
  expect(settled).toHaveLength(1);
  expect(await jobs.store.get(jobId)).toMatchObject({ state: 'QUEUED', attempt: 1, attempts: [{ attempt: 1 }] });
});
