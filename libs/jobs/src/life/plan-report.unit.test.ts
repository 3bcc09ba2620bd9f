import { describe, expect, test } from '@jest/globals';

import { planLeaseLost, planReport } from './plan-report.js';
import { planSwitchEnd } from './plan-switch-end.js';
import { FIVE_ATTEMPTS } from './retry-rule.js';
import { FILE_EFFECT, NOW, RESULT, seen, SWITCH_EFFECT } from './stored-job.fixture.test.js';
import type { JobChanges, StoredJob } from './stored-job.js';

describe('a report', () => {
  const plan = (job: Partial<StoredJob>): JobChanges | undefined =>
    planReport(
      seen({ state: 'FINISHING', effect: FILE_EFFECT, warnings: ['a'], ...job }),
      { jobId: 'x', fence: 1, outcome: { state: 'SUCCEEDED', result: RESULT }, warnings: ['a', 'b'] },
      FIVE_ATTEMPTS,
    );

  test('of the attempt that runs is applied, its warnings with it', () => {
    expect(plan({})).toMatchObject({ state: 'SUCCEEDED', warnings: ['a', 'b'] });
  });

  test.each([
    ['of another attempt', { fence: 2 }],
    ['while no attempt runs', { leaseUntilMicros: null }],
    ['about a restore that waits for its switch', { operation: 'RESTORE' as const, effect: SWITCH_EFFECT }],
  ])('%s is not', (_, job) => {
    expect(plan(job)).toBeUndefined();
  });
});

describe('a lease', () => {
  const plan = (job: Partial<StoredJob>): JobChanges | undefined => planLeaseLost(seen(job), FIVE_ATTEMPTS);

  test.each(['RUNNING', 'CANCELLING'] as const)('that ran out ends the attempt of a job that is %s', (state) => {
    expect(plan({ state, leaseUntilMicros: NOW - 1 })).toBeDefined();
    expect(plan({ state, leaseUntilMicros: NOW })).toBeUndefined();
  });

  test('that ran out means nothing for a job that is FINISHING, or that nobody runs', () => {
    expect(plan({ state: 'FINISHING', effect: FILE_EFFECT, leaseUntilMicros: NOW - 1 })).toBeUndefined();
    expect(plan({ state: 'QUEUED' })).toBeUndefined();
  });
});

test('a switch that could not be had is tried again after its back-off, however old the worker’s lease is', () => {
  const restore = seen({ operation: 'RESTORE', state: 'FINISHING', effect: SWITCH_EFFECT, leaseUntilMicros: 1 });
  const error = { code: 'SWITCH_BUSY', message: 'm', phase: null } as const;
  expect(planSwitchEnd(restore, { outcome: 'FAILED', error }, FIVE_ATTEMPTS)).toMatchObject({
    state: 'FINISHING',
    notBeforeMicros: NOW + 1_000_000,
  });
});
