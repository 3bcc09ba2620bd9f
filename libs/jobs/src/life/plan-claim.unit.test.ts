import { describe, expect, test } from '@jest/globals';

import { TERMINAL_STATES } from '@tidemark/contracts';

import { claimOf, planClaim } from './plan-claim.js';
import { FIVE_ATTEMPTS } from './retry-rule.js';
import { FILE_EFFECT, NOW, seen, storedJob, SWITCH_EFFECT } from './stored-job.fixture.test.js';
import type { SeenJob } from './stored-job.js';

const CLAIM = { claimId: 'claim-2', worker: 'worker-2', leaseSeconds: 30 };
const plan = (at: SeenJob): ReturnType<typeof planClaim> => planClaim(at, CLAIM, FIVE_ATTEMPTS);

describe('a claim', () => {
  test('starts the first attempt', () => {
    expect(plan(seen())).toEqual({
      state: 'RUNNING',
      claimId: 'claim-2',
      worker: 'worker-2',
      fence: 1,
      attempt: 1,
      attempts: [],
      leaseUntilMicros: NOW + 30_000_000,
      startedAtMicros: NOW,
      attemptStartedAtMicros: NOW,
      reportSerial: 0,
      phase: 'STARTING',
      progress: null,
    });
  });

  test('keeps the moment at which the first attempt started', () => {
    expect(plan(seen({ startedAtMicros: 7, attempt: 1, fence: 2 }))).toMatchObject({
      startedAtMicros: 7,
      attemptStartedAtMicros: NOW,
      attempt: 2,
      fence: 3,
    });
  });

  test.each([
    ['before the back-off is over', seen({ notBeforeMicros: NOW + 1 })],
    ['behind a job with the same exclusive key', seen({}, { behindAnother: true })],
    ['while another attempt runs', seen({ state: 'RUNNING' })],
    ['while another attempt is being cancelled', seen({ state: 'CANCELLING' })],
    ['that has claimed before', seen({ claimId: CLAIM.claimId })],
    ['while an attempt finishes within its lease', seen({ state: 'FINISHING', effect: FILE_EFFECT })],
    [
      'of a restore whose switch is the gateway’s',
      seen({ state: 'FINISHING', operation: 'RESTORE', effect: SWITCH_EFFECT, leaseUntilMicros: 1 }),
    ],
    ...TERMINAL_STATES.map((state) => [`of a job that is ${state}`, seen({ state })] as const),
  ])('gets nothing %s', (_, at) => {
    expect(plan(at)).toBeUndefined();
  });

  test('takes over a stored effect whose attempt lost its lease, and writes that attempt down', () => {
    const job = storedJob({ state: 'FINISHING', effect: FILE_EFFECT, phase: 'DELIVERING', leaseUntilMicros: NOW - 5 });
    expect(plan(seen(job))).toEqual({
      state: 'FINISHING',
      claimId: 'claim-2',
      worker: 'worker-2',
      fence: 2,
      attempt: 2,
      attempts: [{ attempt: 1, startedAtMicros: job.attemptStartedAtMicros, endedAtMicros: NOW - 5, error: null }],
      leaseUntilMicros: NOW + 30_000_000,
      startedAtMicros: job.startedAtMicros,
      attemptStartedAtMicros: NOW,
      reportSerial: 0,
    });
  });

  test('of a stored effect never counts beyond the last attempt', () => {
    const at = seen({ state: 'FINISHING', effect: FILE_EFFECT, attempt: 5, leaseUntilMicros: null });
    expect(plan(at)).toMatchObject({ attempt: 5, attempts: [] });
  });
});

test.each([
  ['none was before it', [], false],
  ['the one before it failed', [{ code: 'DESTINATION_TIMEOUT' }], false],
  ['the one before it was not heard of', [{ code: 'DESTINATION_TIMEOUT' }, null], true],
  ['the one before it failed after one that was not heard of', [null, { code: 'DESTINATION_TIMEOUT' }], false],
] as const)('an attempt is told of silence before it: %s', (_, errors, isAfterSilence) => {
  const attempts = errors.map((error, n) => ({ attempt: n + 1, startedAtMicros: 1, endedAtMicros: 2, error }));
  expect(claimOf(storedJob({ state: 'RUNNING', attempts: attempts as never }), 30, FIVE_ATTEMPTS)).toMatchObject({
    isAfterSilence,
  });
});

test.each([
  [1, false],
  [4, false],
  [5, true],
])('attempt %d of five is the last: %j', (attempt, isLast) => {
  expect(claimOf(storedJob({ state: 'RUNNING', attempt }), 30, FIVE_ATTEMPTS)).toMatchObject({ isLast });
});
