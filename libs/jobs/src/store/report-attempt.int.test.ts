import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { Claim, JobProgress, JobState } from '@tidemark/contracts';

import { LEASE_SECONDS, StoreFixture } from '../job-store.fixture.test.js';
import { FILE_EFFECT, RESTORE, SWITCH_EFFECT } from '../life/stored-job.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open();
});
afterAll(() => jobs.close());

const PROGRESS: JobProgress = {
  versionsDone: 1,
  versionsTotal: 2,
  bytesDone: 3,
  bytesTotal: null,
  percent: 50,
  versionsPerSecond: 1.5,
  bytesPerSecond: null,
  etaSeconds: null,
};
const beat = (fence: number): { fence: number; leaseSeconds: number } => ({ fence, leaseSeconds: LEASE_SECONDS });
const progressOf = ({ jobId, fence }: Claim): Promise<boolean> =>
  jobs.store.progress({ jobId, fence, serial: 1, phase: 'EXPORTING', progress: PROGRESS });

describe('a heartbeat', () => {
  test('extends the lease, also one that ran out a moment ago, and is no new revision', async () => {
    const { jobId, fence } = await jobs.running();
    const before = await jobs.store.get(jobId);
    await jobs.loseLease(jobId);
    expect(await jobs.store.heartbeat(jobId, beat(fence))).toBe('GO');
    expect(await jobs.store.expireLeases(10)).toEqual([]);
    expect(await jobs.store.get(jobId)).toEqual(before);
  });

  test('never shortens a lease', async () => {
    const { jobId, fence } = await jobs.running();
    const lease = await jobs.column<string>(jobId, 'lease_until_micros');
    expect(await jobs.store.heartbeat(jobId, { fence, leaseSeconds: 0.05 })).toBe('GO');
    expect(await jobs.column<string>(jobId, 'lease_until_micros')).toBe(lease);
  });

  test('goes on while the effect is being made true', async () => {
    const { jobId, fence } = await jobs.finishing();
    expect(await jobs.store.heartbeat(jobId, beat(fence))).toBe('GO');
  });

  test.each(['no-uuid', '01990000-0000-7000-8000-00000000dead'])('of an unknown job is lost: %s', async (id) => {
    expect(await jobs.store.heartbeat(id, beat(1))).toBe('LOST');
  });

  test('is lost once the attempt has ended', async () => {
    const { jobId, fence } = await jobs.running();
    await jobs.loseLease(jobId);
    await jobs.store.expireLeases(10);
    expect(await jobs.store.heartbeat(jobId, beat(fence))).toBe('LOST');
    expect(await jobs.store.heartbeat(jobId, beat(fence + 1))).toBe('LOST');
    expect((await jobs.store.get(jobId)).state).toBe('QUEUED');
    const finishing = await jobs.finishing();
    await jobs.store.settle({ ...finishing, outcome: { state: 'HANDED_BACK' } });
    expect(await jobs.store.heartbeat(finishing.jobId, beat(finishing.fence))).toBe('LOST');
    expect(await jobs.store.heartbeat(finishing.jobId, beat(finishing.fence + 1))).toBe('LOST');
  });
});

describe('progress', () => {
  test('shows phase and figures of a running attempt as a new revision', async () => {
    const claim = await jobs.running();
    expect(await progressOf(claim)).toBe(true);
    expect(await jobs.store.get(claim.jobId)).toMatchObject({ phase: 'EXPORTING', progress: PROGRESS, revision: 3 });
    expect(await jobs.store.progress({ ...claim, serial: 2, phase: 'VERIFYING', progress: null })).toBe(true);
    expect(await jobs.store.get(claim.jobId)).toMatchObject({ phase: 'VERIFYING', progress: null, revision: 4 });
  });

  test('overtaken by a later report of its attempt changes nothing; the next attempt counts anew', async () => {
    const claim = await jobs.running();
    expect(await jobs.store.progress({ ...claim, serial: 2, phase: 'VERIFYING', progress: null })).toBe(true);
    for (const serial of [1, 2]) {
      expect(await jobs.store.progress({ ...claim, serial, phase: 'EXPORTING', progress: PROGRESS })).toBe(false);
    }
    expect(await jobs.store.get(claim.jobId)).toMatchObject({ phase: 'VERIFYING', progress: null, revision: 3 });
    await jobs.loseLease(claim.jobId);
    await jobs.store.expireLeases(10);
    await jobs.makeDue(claim.jobId);
    expect(await progressOf(await jobs.claim(claim.jobId))).toBe(true);
  });

  test('that comes late changes nothing', async () => {
    const claim = await jobs.finishing();
    const finishing = await jobs.store.get(claim.jobId);
    expect(await progressOf(claim)).toBe(false);
    expect(await jobs.store.get(claim.jobId)).toEqual(finishing);
    expect(finishing.phase).toBe('DELIVERING');
  });

  test('never brings an ended job back', async () => {
    const claim = await jobs.running();
    await jobs.store.cancel(claim.jobId);
    await jobs.store.settle({ ...claim, outcome: { state: 'CANCELLED' } });
    const ended = await jobs.store.get(claim.jobId);
    expect(await progressOf(claim)).toBe(false);
    expect(await jobs.store.get(claim.jobId)).toEqual(ended);
  });
});

describe('finishing', () => {
  test('stores the effect once and for all', async () => {
    const { jobId, fence } = await jobs.running();
    const request = { fence, effect: FILE_EFFECT, warnings: ['w'] };
    expect(await jobs.store.finishing(jobId, request)).toBe('GO');
    const job = await jobs.store.get(jobId);
    expect(job).toMatchObject({ state: 'FINISHING', phase: 'DELIVERING', warnings: ['w'] });
    expect(await jobs.store.finishing(jobId, structuredClone(request))).toBe('GO');
    expect(await jobs.store.get(jobId)).toEqual(job);
    expect(await jobs.store.finishing(jobId, { fence, effect: { ...FILE_EFFECT, temp: 'other' } })).toBe('LOST');
    expect(await jobs.column(jobId, 'effect')).toEqual(FILE_EFFECT);
  });

  test('is too late after a cancel', async () => {
    const { jobId, fence } = await jobs.running();
    await jobs.store.cancel(jobId);
    expect(await jobs.store.finishing(jobId, { fence, effect: FILE_EFFECT })).toBe('CANCEL');
    expect(await jobs.store.get(jobId)).toMatchObject({ state: 'CANCELLING' });
  });

  test('racing with a cancel: one of them has its way', async () => {
    for (let round = 0; round < 10; round++) {
      const { jobId, fence } = await jobs.running();
      const [verdict, cancelled] = await Promise.all([
        jobs.store.finishing(jobId, { fence, effect: FILE_EFFECT }),
        jobs.store.cancel(jobId).then(
          () => true,
          () => false,
        ),
      ]);
      const state: JobState = cancelled ? 'CANCELLING' : 'FINISHING';
      expect([verdict, (await jobs.store.get(jobId)).state]).toEqual([cancelled ? 'CANCEL' : 'GO', state]);
    }
  });

  test('takes only an effect of the job’s operation', async () => {
    const backup = await jobs.running();
    expect(await jobs.store.finishing(backup.jobId, { fence: 1, effect: SWITCH_EFFECT })).toBe('LOST');
    const restore = await jobs.running({ request: RESTORE });
    expect(await jobs.store.finishing(restore.jobId, { fence: 1, effect: FILE_EFFECT })).toBe('LOST');
    expect(await jobs.store.finishing(restore.jobId, { fence: 1, effect: SWITCH_EFFECT })).toBe('GO');
  });

  test('of an unknown job is lost', async () => {
    expect(await jobs.store.finishing('no-uuid', { fence: 1, effect: FILE_EFFECT })).toBe('LOST');
  });
});

test('an old attempt is powerless in every operation', async () => {
  const old = await jobs.running();
  const { jobId, fence } = old;
  await jobs.loseLease(jobId);
  await jobs.store.expireLeases(10);
  await jobs.makeDue(jobId);
  const current = await jobs.claim(jobId);
  expect(current.fence).toBeGreaterThan(fence);
  const before = await jobs.store.get(jobId);
  const error = { code: 'INTERNAL', message: 'late', phase: null, retriable: false } as const;
  expect(await jobs.store.heartbeat(jobId, beat(fence))).toBe('LOST');
  expect(await progressOf(old)).toBe(false);
  expect(await jobs.store.finishing(jobId, { fence, effect: FILE_EFFECT })).toBe('LOST');
  for (const outcome of [
    { state: 'SUCCEEDED', result: FILE_EFFECT.result },
    { state: 'FAILED', error },
    { state: 'CANCELLED' },
    { state: 'HANDED_BACK' },
  ] as const) {
    expect(await jobs.store.settle({ jobId, fence, outcome })).toEqual({ outcome: 'LOST' });
  }
  expect(await jobs.store.get(jobId)).toEqual(before);
  expect(await jobs.store.heartbeat(jobId, beat(current.fence))).toBe('GO');
});
