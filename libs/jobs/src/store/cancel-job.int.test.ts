import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { JobEndedError, JobFinishingError } from '../index.js';
import { LEASE_SECONDS, StoreFixture } from '../job-store.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open();
});
afterAll(() => jobs.close());

describe('cancel', () => {
  test('ends a queued job at once', async () => {
    const { id } = await jobs.create();
    const job = await jobs.store.cancel(id);
    expect(job).toMatchObject({ state: 'CANCELLED', revision: 2, startedAtMicros: null });
    expect(job.endedAtMicros).toBeGreaterThanOrEqual(job.createdAtMicros);
    const claim = { claimId: randomUUID(), worker: 'w', leaseSeconds: LEASE_SECONDS };
    expect(await jobs.store.claim(id, claim)).toEqual({ outcome: 'NOTHING' });
  });

  test('asks a running attempt to stop, and its CANCELLED ends the job', async () => {
    const { jobId, fence } = await jobs.running();
    expect(await jobs.store.cancel(jobId)).toMatchObject({ state: 'CANCELLING', endedAtMicros: null });
    expect(await jobs.store.heartbeat(jobId, { fence, leaseSeconds: LEASE_SECONDS })).toBe('CANCEL');
    const settlement = await jobs.store.settle({ jobId, fence, outcome: { state: 'CANCELLED' } });
    expect(settlement).toMatchObject({
      outcome: 'SETTLED',
      job: { state: 'CANCELLED', error: null, attempts: [{ attempt: 1, error: null }] },
    });
  });

  test('tells what was overwritten at the destination, asked of while it runs or between attempts', async () => {
    const warnings = [expect.stringMatching(/^the destination may hold neither/)];
    const { jobId, fence } = await jobs.running();
    await jobs.store.cancel(jobId);
    const cancelled = { state: 'CANCELLED', destinationTouched: true } as const;
    const settlement = await jobs.store.settle({ jobId, fence, outcome: cancelled });
    expect(settlement).toMatchObject({ job: { state: 'CANCELLED', error: null, warnings } });
    const between = await jobs.running();
    const error = { code: 'DESTINATION_TIMEOUT', message: 'slow', phase: 'UPLOADING', retriable: true } as const;
    const outcome = { state: 'FAILED', error: { ...error, destinationTouched: true } } as const;
    await jobs.store.settle({ jobId: between.jobId, fence: between.fence, outcome });
    expect(await jobs.store.cancel(between.jobId)).toMatchObject({ state: 'CANCELLED', error: null, warnings });
  });

  test('asked again changes nothing', async () => {
    const { jobId } = await jobs.running();
    const once = await jobs.store.cancel(jobId);
    expect(await jobs.store.cancel(jobId)).toEqual(once);
  });

  test('is refused once the effect is stored', async () => {
    const { jobId } = await jobs.finishing();
    await expect(jobs.store.cancel(jobId)).rejects.toThrow(JobFinishingError);
    expect((await jobs.store.get(jobId)).state).toBe('FINISHING');
  });

  test('is refused after the end', async () => {
    const { id } = await jobs.create();
    const ended = await jobs.store.cancel(id);
    await expect(jobs.store.cancel(id)).rejects.toThrow(JobEndedError);
    expect(await jobs.store.get(id)).toEqual(ended);
  });

  test.each([randomUUID(), 'no-uuid'])('does not know %s', async (id) => {
    await expect(jobs.store.cancel(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('racing with a claim ends in CANCELLED or is told to the attempt', async () => {
    for (let round = 0; round < 10; round++) {
      const { id } = await jobs.create();
      const claim = { claimId: randomUUID(), worker: 'w', leaseSeconds: LEASE_SECONDS };
      const [answer, job] = await Promise.all([jobs.store.claim(id, claim), jobs.store.cancel(id)]);
      expect(job.state).toBe(answer.outcome === 'CLAIMED' ? 'CANCELLING' : 'CANCELLED');
    }
  });
});
