import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { isTerminal, jobSchema, type ErrorCode, type Job, type Outcome } from '@tidemark/contracts';

import { AT_ONCE, LEASE_SECONDS, newJob, StoreFixture } from './job-store.fixture.test.js';
import { allMoves } from './life/job-states.js';
import { BACKUP, FILE_EFFECT, RESTORE, RESULT, SWITCH_EFFECT } from './life/stored-job.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open({ retryRule: AT_ONCE });
});
afterAll(() => jobs.close());

/** Whose fence an operation carries: the attempt's that runs now, or one that never was or is no more. */
type Fence = 'CURRENT' | 'OLD' | 'UNKNOWN';
type Step =
  | { readonly does: 'CLAIM' | 'CLAIM_AGAIN' | 'CANCEL' | 'LOSE_LEASE' | 'EXPIRE' | 'RING' | 'SWITCHED' | 'REFUSED' }
  | { readonly does: 'HEARTBEAT' | 'PROGRESS' | 'FINISHING'; readonly fence: Fence }
  | { readonly does: 'SETTLE'; readonly fence: Fence; readonly outcome: Outcome };

const failed = (code: ErrorCode): Outcome => ({
  state: 'FAILED',
  error: { code, message: 'm', phase: null, retriable: false },
});
const fence = fc.constantFrom<Fence>('CURRENT', 'CURRENT', 'CURRENT', 'OLD', 'UNKNOWN');
const outcome = fc.constantFrom<Outcome>(
  { state: 'SUCCEEDED', result: RESULT },
  { state: 'CANCELLED' },
  { state: 'HANDED_BACK' },
  failed('DESTINATION_TIMEOUT'),
  failed('DELIVERY_LOST'),
  failed('ARCHIVE_DAMAGED'),
);
const current = 'CURRENT' as const;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Step>({ does: 'CLAIM' }) },
  { weight: 3, arbitrary: fc.constant<Step>({ does: 'FINISHING', fence: current }) },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('SETTLE'), fence, outcome }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('HEARTBEAT', 'PROGRESS', 'FINISHING'), fence }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('LOSE_LEASE', 'EXPIRE', 'CLAIM_AGAIN', 'RING') }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('CANCEL', 'SWITCHED', 'REFUSED') }) },
);

const SWITCHED = { outcome: 'SWITCHED', generation: 2, previousGeneration: 1, versionsLeftBehind: 0 } as const;

/** A job, and the claims that were made of it. */
class Life {
  readonly fences: number[] = [];
  lastClaimId = randomUUID();
  #serial = 0;

  constructor(
    readonly id: string,
    readonly isBackup: boolean,
  ) {}

  async take(step: Step): Promise<void> {
    const { store } = jobs;
    const { id } = this;
    switch (step.does) {
      case 'CLAIM':
        this.lastClaimId = randomUUID();
        await this.#claim();
        break;
      case 'CLAIM_AGAIN':
        await this.#claim();
        break;
      case 'CANCEL':
        await store
          .cancel(id)
          .catch((error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^JOB_/) }));
        break;
      case 'LOSE_LEASE':
        await jobs.set(id, 'lease_until_micros = least(lease_until_micros, 1)');
        break;
      case 'EXPIRE':
        await store.expireLeases(10);
        break;
      case 'RING':
        await store.takeJobsToRing({ againAfterSeconds: 0, limit: 10 });
        break;
      case 'SWITCHED':
        await store.settleRestore(id, SWITCHED);
        break;
      case 'REFUSED':
        await store.settleRestore(id, { outcome: 'REFUSED', live: 2, expectedLive: 1 });
        break;
      default:
        await this.#report(step, this.#number(step.fence));
    }
  }

  async #claim(): Promise<void> {
    const claim = { claimId: this.lastClaimId, worker: 'w', leaseSeconds: LEASE_SECONDS };
    const answer = await jobs.store.claim(this.id, claim);
    if (answer.outcome === 'CLAIMED' && answer.fence !== this.fences.at(-1)) this.fences.push(answer.fence);
  }

  async #report(step: Extract<Step, { fence: Fence }>, number: number): Promise<void> {
    const { store } = jobs;
    const { id } = this;
    switch (step.does) {
      case 'HEARTBEAT':
        await store.heartbeat(id, { fence: number, leaseSeconds: LEASE_SECONDS });
        break;
      case 'PROGRESS':
        await store.progress({ jobId: id, fence: number, serial: ++this.#serial, phase: 'STARTING', progress: null });
        break;
      case 'FINISHING':
        await store.finishing(id, { fence: number, effect: this.isBackup ? FILE_EFFECT : SWITCH_EFFECT });
        break;
      case 'SETTLE':
        await store.settle({ jobId: id, fence: number, outcome: step.outcome });
    }
  }

  #number(fence: Fence): number {
    const known = { CURRENT: this.fences.at(-1), OLD: this.fences.at(-2), UNKNOWN: undefined }[fence];
    return known ?? (this.fences.at(-1) ?? 0) + 7;
  }
}

const SEALED = 'sealed';
const MOVES = new Set(allMoves().map(({ from, to }) => `${from} -> ${to}`));

function checkChange(before: Job, after: Job, step: Step): void {
  if (isTerminal(before.state)) expect(after).toEqual(before);
  if ('fence' in step && step.fence !== 'CURRENT') expect(after).toEqual(before);
  if (before.state !== after.state) expect(MOVES).toContain(`${before.state} -> ${after.state}`);
  if (after.revision === before.revision) expect(after).toEqual(before);
  expect(after.revision).toBeGreaterThanOrEqual(before.revision);
  expect(after.attempt).toBeLessThanOrEqual(5);
  expect(new Set(after.attempts.map(({ attempt }) => attempt)).size).toBe(after.attempts.length);
  expect(after.endedAtMicros !== null).toBe(isTerminal(after.state));
  expect(jobSchema.strict().parse(after)).toEqual(after);
}

test('any order of operations, with right and old fences, keeps a legal job, and its secrets until it has ended', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { minLength: 1, maxLength: 25 }), async (isBackup, steps) => {
      const { job } = await jobs.store.create(newJob({ request: isBackup ? BACKUP : RESTORE, sealedSecrets: SEALED }));
      const life = new Life(job.id, isBackup);
      let before = job;
      for (const taken of steps) {
        await life.take(taken);
        const after = await jobs.store.get(job.id);
        checkChange(before, after, taken);
        expect(await jobs.column(job.id, 'sealed_secrets')).toBe(isTerminal(after.state) ? null : SEALED);
        before = after;
      }
      expect(life.fences).toEqual([...new Set(life.fences)].sort((a, b) => a - b));
      await jobs.clear();
    }),
    { numRuns: 50 },
  );
}, 30_000);
