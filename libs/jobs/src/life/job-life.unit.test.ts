import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { isTerminal, type ErrorCode, type Outcome } from '@tidemark/contracts';

import { allMoves } from './job-states.js';
import { planCancel } from './plan-cancel.js';
import { planClaim } from './plan-claim.js';
import { planFinishing } from './plan-finishing.js';
import { planLeaseLost, planReport } from './plan-report.js';
import { planSwitchEnd } from './plan-switch-end.js';
import { FIVE_ATTEMPTS } from './retry-rule.js';
import { FILE_EFFECT, NOW, RESULT, storedJob, SWITCH_EFFECT } from './stored-job.fixture.test.js';
import type { JobChanges, SeenJob } from './stored-job.js';

/** Everything that may happen to a job, planned for the job as it is seen. */
const failed = (code: ErrorCode): Outcome => ({
  state: 'FAILED',
  error: { code, message: 'm', phase: null, retriable: false },
});
const report =
  (outcome: Outcome) =>
  (seen: SeenJob): JobChanges | undefined =>
    planReport(seen, { jobId: seen.job.id, fence: seen.job.fence, outcome }, FIVE_ATTEMPTS);
const EVENTS: Record<string, (seen: SeenJob) => JobChanges | undefined> = {
  claim: (seen) => planClaim(seen, { claimId: String(seen.nowMicros), worker: 'w', leaseSeconds: 30 }, FIVE_ATTEMPTS),
  finishing: (seen) =>
    planFinishing(seen, {
      fence: seen.job.fence,
      effect: seen.job.operation === 'BACKUP' ? FILE_EFFECT : SWITCH_EFFECT,
    }),
  cancel: (seen) => {
    try {
      return planCancel(seen);
    } catch (error) {
      expect(error).toMatchObject({ code: isTerminal(seen.job.state) ? 'JOB_ENDED' : 'JOB_FINISHING' });
      return undefined;
    }
  },
  succeeded: report({ state: 'SUCCEEDED', result: RESULT }),
  cancelled: report({ state: 'CANCELLED' }),
  handedBack: report({ state: 'HANDED_BACK' }),
  passing: report(failed('DESTINATION_TIMEOUT')),
  deliveryLost: report(failed('DELIVERY_LOST')),
  lasting: report(failed('ARCHIVE_DAMAGED')),
  leaseLost: (seen) => planLeaseLost(seen, FIVE_ATTEMPTS),
  switched: (seen) =>
    planSwitchEnd(
      seen,
      { outcome: 'SWITCHED', generation: 8, previousGeneration: 7, versionsLeftBehind: 0 },
      FIVE_ATTEMPTS,
    ),
  busy: (seen) =>
    planSwitchEnd(
      seen,
      { outcome: 'FAILED', error: { code: 'SWITCH_BUSY', message: 'm', phase: null } },
      FIVE_ATTEMPTS,
    ),
  refused: (seen) => planSwitchEnd(seen, { outcome: 'REFUSED', live: 1, expectedLive: 2 }, FIVE_ATTEMPTS),
};

const event = fc.record({ name: fc.constantFrom('claim', ...Object.keys(EVENTS)), seconds: fc.constantFrom(1, 1, 61) });

test('any order of events takes the moves of the table, all of them and no other', () => {
  const taken = new Set<string>();
  fc.assert(
    fc.property(fc.constantFrom('BACKUP', 'RESTORE'), fc.array(event, { maxLength: 40 }), (operation, events) => {
      let job = storedJob({ operation });
      let nowMicros = NOW;
      for (const { name, seconds } of events) {
        nowMicros += seconds * 1_000_000;
        const changes = EVENTS[name]?.({ job, nowMicros, behindAnother: false });
        if (!changes) continue;
        expect(isTerminal(job.state)).toBe(false);
        const next = { ...job, ...changes };
        if (next.state !== job.state) taken.add(`${job.state} -> ${next.state}`);
        expect(next.fence).toBeGreaterThanOrEqual(job.fence);
        if (name === 'claim') expect(next.fence).toBeGreaterThan(job.fence);
        expect(next.attempt).toBeGreaterThanOrEqual(0);
        expect(next.attempt).toBeLessThanOrEqual(5);
        expect(next.attempts.length).toBeLessThanOrEqual(5);
        if (next.state === 'RUNNING' || next.state === 'CANCELLING') expect(next.leaseUntilMicros).not.toBeNull();
        if (next.state === 'QUEUED' || isTerminal(next.state)) expect(next.leaseUntilMicros).toBeNull();
        if (job.effect) expect(next.effect).toEqual(job.effect);
        job = next;
      }
    }),
    { numRuns: 5_000 },
  );
  const moves = allMoves().filter(({ from, to }) => from !== to);
  expect(taken).toEqual(new Set(moves.map(({ from, to }) => `${from} -> ${to}`)));
});
