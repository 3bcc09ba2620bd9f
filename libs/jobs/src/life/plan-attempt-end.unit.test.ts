import { describe, expect, test } from '@jest/globals';

import { planAttemptEnd, type AttemptEnd, type ReportedError } from './plan-attempt-end.js';
import { FIVE_ATTEMPTS } from './retry-rule.js';
import { FILE_EFFECT, NOW, RESULT, seen } from './stored-job.fixture.test.js';
import type { JobChanges, StoredJob } from './stored-job.js';

const SECOND = 1_000_000;
const PASSING: ReportedError = { code: 'DESTINATION_TIMEOUT', message: 'slow', phase: 'DELIVERING' };
const LASTING: ReportedError = { code: 'ARCHIVE_DAMAGED', message: 'broken', phase: 'OPENING' };
const LOST: ReportedError = { code: 'DELIVERY_LOST', message: 'gone', phase: 'DELIVERING' };
const failed = (error: ReportedError): AttemptEnd => ({ state: 'FAILED', error });

function plan(job: Partial<StoredJob>, end: AttemptEnd): JobChanges | undefined {
  return planAttemptEnd(seen(job), end, FIVE_ATTEMPTS);
}

describe('the end of a running attempt', () => {
  test('with an error that may pass queues the job again, after its back-off', () => {
    const changes = plan({ state: 'RUNNING', attempt: 2, fence: 4 }, failed(PASSING));
    expect(changes).toEqual({
      state: 'QUEUED',
      fence: 5,
      leaseUntilMicros: null,
      notBeforeMicros: NOW + 5 * SECOND,
      rungAtMicros: null,
      phase: null,
      progress: null,
      attempts: [
        {
          attempt: 2,
          startedAtMicros: NOW - 50 * SECOND,
          endedAtMicros: NOW,
          error: { ...PASSING, attempt: 2, retriable: true },
        },
      ],
    });
  });

  test.each([
    [1, 1],
    [2, 5],
    [3, 25],
    [4, 60],
  ])('waits after attempt %i for %i seconds', (attempt, seconds) => {
    expect(plan({ state: 'RUNNING', attempt }, failed(PASSING))?.notBeforeMicros).toBe(NOW + seconds * SECOND);
  });

  test('with success shows all as done, where the last report of progress was lost', () => {
    const progress = {
      versionsDone: 3,
      versionsTotal: 9,
      bytesDone: 10,
      bytesTotal: null,
      percent: 33,
      versionsPerSecond: 5,
      bytesPerSecond: 50,
      etaSeconds: 2,
    };
    const end: AttemptEnd = { state: 'SUCCEEDED', result: RESULT };
    expect(plan({ state: 'FINISHING', effect: FILE_EFFECT, progress }, end)?.progress).toEqual({
      ...progress,
      versionsDone: 9,
      percent: 100,
      etaSeconds: 0,
    });
    expect(plan({ state: 'FINISHING', effect: FILE_EFFECT }, end)).not.toHaveProperty('progress');
  });

  test('with the last attempt fails the job with its last error', () => {
    const error = { ...PASSING, attempt: 5, retriable: true };
    const changes = plan({ state: 'RUNNING', attempt: 5 }, failed(PASSING));
    expect(changes).toMatchObject({ state: 'FAILED', error, endedAtMicros: NOW, result: null, leaseUntilMicros: null });
    expect(changes?.attempts).toEqual([expect.objectContaining({ attempt: 5, error })]);
  });

  test('with an error that lasts fails the job at once, whatever the worker says of it', () => {
    const claimed = { ...LASTING, retriable: true };
    expect(plan({ state: 'RUNNING' }, failed(claimed))).toMatchObject({
      state: 'FAILED',
      error: { ...LASTING, attempt: 1, retriable: false },
    });
  });

  test('by a lost lease counts from when the lease ran out, not from when that was seen', () => {
    const changes = plan({ state: 'RUNNING', leaseUntilMicros: NOW - 3 * SECOND }, { state: 'LEASE_LOST' });
    expect(changes).toMatchObject({ state: 'QUEUED', notBeforeMicros: NOW - 2 * SECOND });
    expect(changes?.attempts).toEqual([
      expect.objectContaining({ attempt: 1, endedAtMicros: NOW - 3 * SECOND, error: null }),
    ]);
  });

  test('by a report counts from the report, though the lease may have run out before', () => {
    const changes = plan({ state: 'RUNNING', leaseUntilMicros: NOW - 3 * SECOND }, failed(PASSING));
    expect(changes).toMatchObject({ notBeforeMicros: NOW + SECOND, attempts: [{ endedAtMicros: NOW }] });
  });

  test('by the lost lease of the last attempt fails with ATTEMPTS_EXHAUSTED', () => {
    expect(plan({ state: 'RUNNING', attempt: 5, leaseUntilMicros: 1 }, { state: 'LEASE_LOST' })).toMatchObject({
      state: 'FAILED',
      error: { code: 'ATTEMPTS_EXHAUSTED', attempt: 5, phase: 'EXPORTING' },
    });
  });

  test('handed back does not count, and the next may start at once', () => {
    const changes = plan({ state: 'RUNNING', attempt: 3 }, { state: 'HANDED_BACK' });
    expect(changes).toMatchObject({ state: 'QUEUED', attempt: 2, attempts: [], notBeforeMicros: NOW });
  });

  test.each([{ state: 'SUCCEEDED', result: RESULT } as const, { state: 'CANCELLED' } as const])(
    'out of turn is no end: $state',
    (end) => {
      expect(plan({ state: 'RUNNING' }, end)).toBeUndefined();
    },
  );
});

describe('the end of a finishing attempt', () => {
  const job = { state: 'FINISHING', effect: FILE_EFFECT, attempt: 2, fence: 2 } as const;

  test('succeeds with the result', () => {
    expect(plan(job, { state: 'SUCCEEDED', result: RESULT })).toEqual({
      state: 'SUCCEEDED',
      fence: 3,
      leaseUntilMicros: null,
      attempts: [],
      phase: null,
      endedAtMicros: NOW,
      result: RESULT,
      error: null,
    });
  });

  test.each([1, 2, 5])('keeps the effect through an error that may pass, in attempt %i too', (attempt) => {
    const changes = plan({ ...job, attempt }, failed(PASSING));
    expect(changes).toMatchObject({ state: 'FINISHING', fence: 3, leaseUntilMicros: null, rungAtMicros: null });
    expect(changes).not.toHaveProperty('effect');
    expect(changes?.notBeforeMicros).toBeGreaterThan(NOW);
  });

  test('replaces what is written of an attempt whose number is used again', () => {
    const earlier = { attempt: 5, startedAtMicros: 1, endedAtMicros: 2, error: null };
    const other = { ...earlier, attempt: 4 };
    const changes = plan({ ...job, attempt: 5, attempts: [other, earlier] }, failed(PASSING));
    expect(changes?.attempts).toEqual([other, expect.objectContaining({ attempt: 5, endedAtMicros: NOW })]);
  });

  test.each([LASTING, LOST])('fails the job with $code', (error) => {
    expect(plan(job, failed(error))).toMatchObject({ state: 'FAILED', error: { code: error.code } });
  });

  test('handed back leaves the effect to the next attempt at once', () => {
    expect(plan(job, { state: 'HANDED_BACK' })).toMatchObject({
      state: 'FINISHING',
      fence: 3,
      attempt: 1,
      notBeforeMicros: NOW,
    });
  });
});

describe('the end of an attempt that is being cancelled', () => {
  test.each<AttemptEnd>([
    { state: 'CANCELLED' },
    { state: 'HANDED_BACK' },
    { state: 'LEASE_LOST' },
    { state: 'SUCCEEDED', result: RESULT },
    failed(PASSING),
  ])('is CANCELLED after $state', (end) => {
    const changes = plan({ state: 'CANCELLING' }, end);
    expect(changes).toMatchObject({ state: 'CANCELLED', endedAtMicros: NOW, result: null, error: null });
    expect(changes?.attempts).toHaveLength(1);
    expect(changes).not.toHaveProperty('attempt');
  });

  test('tells what was overwritten, by that attempt or one before it', () => {
    const touched = plan({ state: 'CANCELLING', warnings: ['w'] }, { state: 'CANCELLED', destinationTouched: true });
    expect(touched).toMatchObject({
      error: null,
      attempts: [{ attempt: 1, error: { code: 'CANCELLED', phase: 'EXPORTING', destinationTouched: true } }],
      warnings: ['w', expect.stringMatching(/^the destination may hold neither/)],
    });
    const earlier = { attempt: 1, startedAtMicros: 1, endedAtMicros: 2, error: touched?.attempts?.[0]?.error ?? null };
    const then = plan({ state: 'CANCELLING', attempt: 2, attempts: [earlier] }, { state: 'CANCELLED' });
    expect(then?.warnings).toEqual([expect.stringMatching(/^the destination may hold neither/)]);
    expect(plan({ state: 'CANCELLING', warnings: ['w'] }, { state: 'CANCELLED' })?.warnings).toEqual(['w']);
  });

  test('is FAILED after an error that lasts', () => {
    expect(plan({ state: 'CANCELLING' }, failed(LASTING))).toMatchObject({
      state: 'FAILED',
      error: { code: 'ARCHIVE_DAMAGED' },
    });
  });
});

test.each(['QUEUED', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const)('no attempt ends in %s', (state) => {
  const ends: AttemptEnd[] = [{ state: 'LEASE_LOST' }, { state: 'HANDED_BACK' }, failed(PASSING), failed(LASTING)];
  expect(ends.map((end) => plan({ state }, end))).toEqual(ends.map(() => undefined));
});
