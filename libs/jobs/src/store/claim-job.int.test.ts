import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { LEASE_SECONDS, MUCH_LATER, newJob, StoreFixture } from '../job-store.fixture.test.js';
import type { SealedClaimAnswer } from '../life/plan-claim.js';
import { BACKUP, FILE_EFFECT, RESTORE } from '../life/stored-job.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open({ retryRule: MUCH_LATER });
});
afterAll(() => jobs.close());

const NOTHING = { outcome: 'NOTHING' };
const claim = (id: string, claimId: string = randomUUID()): Promise<SealedClaimAnswer> =>
  jobs.store.claim(id, { claimId, worker: 'w', leaseSeconds: LEASE_SECONDS });

describe('a claim', () => {
  test('starts the attempt and says all that its worker needs', async () => {
    const { id } = await jobs.create({ sealedSecrets: 'sealed' });
    const answer = await claim(id);
    expect(answer).toEqual({
      outcome: 'CLAIMED',
      jobId: id,
      operation: 'BACKUP',
      attempt: 1,
      fence: 1,
      leaseSeconds: LEASE_SECONDS,
      isLast: false,
      isAfterSilence: false,
      request: BACKUP,
      effect: null,
      sealedSecrets: 'sealed',
    });
    const job = await jobs.store.get(id);
    expect(job).toMatchObject({ state: 'RUNNING', phase: 'STARTING', attempt: 1, revision: 2 });
    const lease = await jobs.column<string>(id, 'lease_until_micros');
    expect(Number(lease)).toBe((job.startedAtMicros ?? 0) + LEASE_SECONDS * 1_000_000);
  });

  test('of twenty at once has one winner', async () => {
    const { id } = await jobs.create();
    const answers = await Promise.all(Array.from({ length: 20 }, () => claim(id)));
    expect(answers.filter(({ outcome }) => outcome === 'CLAIMED')).toHaveLength(1);
    expect(await jobs.store.get(id)).toMatchObject({ attempt: 1 });
  });

  test('sent again gets the same answer, and its lease is extended', async () => {
    const { id } = await jobs.create();
    const claimId = randomUUID();
    const first = await claim(id, claimId);
    await jobs.loseLease(id);
    expect(await claim(id, claimId)).toEqual(first);
    expect(await jobs.store.expireLeases(10)).toEqual([]);
    expect(await claim(id)).toEqual(NOTHING);
  });

  test('sent twenty times at once gets one answer', async () => {
    const { id } = await jobs.create();
    const claimId = randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, () => claim(id, claimId)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ outcome: 'CLAIMED', fence: 1 });
  });

  test('that comes late, when its attempt has ended, claims nothing', async () => {
    const { id } = await jobs.create();
    const claimId = randomUUID();
    const first = await claim(id, claimId);
    if (first.outcome !== 'CLAIMED') throw new Error('not claimed');
    await jobs.store.settle({ jobId: id, fence: first.fence, outcome: { state: 'HANDED_BACK' } });
    expect(await claim(id, claimId)).toEqual(NOTHING);
    expect(await claim(id)).toMatchObject({ outcome: 'CLAIMED', attempt: 1, fence: 3 });
    expect(await claim(id, claimId)).toEqual(NOTHING);
  });

  test('is planned anew on what another has made of the job meanwhile', async () => {
    const { id } = await jobs.create();
    // As if it had been claimed and handed back: queued as before, but with another fence.
    const session = await jobs.sql.connect();
    await session.query('BEGIN');
    await session.query('UPDATE jobs.job SET fence = fence + 2 WHERE id = $1', [id]);
    const claimed = claim(id);
    await jobs.untilBlocked();
    await session.query('COMMIT');
    session.release();
    expect(await claimed).toMatchObject({ outcome: 'CLAIMED', fence: 3 });
  });

  test('waits for the back-off', async () => {
    const { jobId, fence } = await jobs.running();
    const error = { code: 'SPOOL_FULL', message: 'full', phase: null, retriable: true } as const;
    await jobs.store.settle({ jobId, fence, outcome: { state: 'FAILED', error } });
    expect(await claim(jobId)).toEqual(NOTHING);
    await jobs.makeDue(jobId);
    expect(await claim(jobId)).toMatchObject({ outcome: 'CLAIMED', attempt: 2 });
  });

  test.each([randomUUID(), 'no-uuid'])('of an unknown job gets nothing: %s', async (id) => {
    expect(await claim(id)).toEqual(NOTHING);
  });
});

describe('a claim of a job in FINISHING', () => {
  test('gets nothing within the lease, and the stored effect after it', async () => {
    const { jobId, fence } = await jobs.finishing();
    expect(await claim(jobId)).toEqual(NOTHING);
    await jobs.loseLease(jobId);
    expect(await claim(jobId)).toMatchObject({
      outcome: 'CLAIMED',
      attempt: 2,
      fence: fence + 1,
      effect: FILE_EFFECT,
    });
    expect(await jobs.store.get(jobId)).toMatchObject({ state: 'FINISHING', attempts: [{ attempt: 1, error: null }] });
  });

  test('of twenty at once has one winner', async () => {
    const { jobId } = await jobs.finishing();
    await jobs.loseLease(jobId);
    const answers = await Promise.all(Array.from({ length: 20 }, () => claim(jobId)));
    expect(answers.filter(({ outcome }) => outcome === 'CLAIMED')).toHaveLength(1);
  });

  test('sent again after its attempt has ended gets nothing', async () => {
    const { jobId, fence } = await jobs.finishing();
    const claimId = await jobs.column<string>(jobId, 'claim_id');
    await jobs.store.settle({ jobId, fence, outcome: { state: 'HANDED_BACK' } });
    expect(await claim(jobId, claimId)).toEqual(NOTHING);
    expect(await claim(jobId)).toMatchObject({ outcome: 'CLAIMED', effect: FILE_EFFECT });
  });

  test('gets nothing of a restore: the switch is the gateway’s', async () => {
    const { jobId } = await jobs.finishing({ request: RESTORE });
    const claimId = await jobs.column<string>(jobId, 'claim_id');
    expect(await claim(jobId, claimId)).toEqual(NOTHING);
    await jobs.loseLease(jobId);
    expect(await claim(jobId)).toEqual(NOTHING);
    await jobs.store.settleRestore(jobId, { outcome: 'REFUSED', live: 9, expectedLive: 7 });
  });
});

describe('an exclusive key', () => {
  test('lets one restore of an index run at a time, in order, and names the next', async () => {
    const [first, second, third] = [
      await jobs.create({ request: RESTORE }),
      await jobs.create({ request: RESTORE }),
      await jobs.create({ request: RESTORE }),
    ];
    expect(await claim(second.id)).toEqual(NOTHING);
    const running = await jobs.claim(first.id);
    expect(await claim(second.id)).toEqual(NOTHING);
    expect(await jobs.store.takeNextBehind(first.id)).toBeUndefined();
    const error = { code: 'ARCHIVE_NOT_FOUND', message: 'not there', phase: 'OPENING', retriable: false } as const;
    await jobs.store.settle({ jobId: first.id, fence: running.fence, outcome: { state: 'FAILED', error } });
    expect(await claim(third.id)).toEqual(NOTHING);
    expect(await jobs.store.takeNextBehind(first.id)).toEqual({ jobId: second.id, operation: 'RESTORE' });
    await jobs.store.cancel(second.id);
    expect(await jobs.store.takeNextBehind(second.id)).toEqual({ jobId: third.id, operation: 'RESTORE' });
    expect(await claim(third.id)).toMatchObject({ outcome: 'CLAIMED' });
  });

  test('is kept through a back-off: a later job does not overtake', async () => {
    const place = 'one place';
    const first = await jobs.create({ place });
    const second = await jobs.create({ place });
    const { fence } = await jobs.claim(first.id);
    const error = { code: 'SPOOL_FULL', message: 'full', phase: null, retriable: true } as const;
    await jobs.store.settle({ jobId: first.id, fence, outcome: { state: 'FAILED', error } });
    expect(await claim(second.id)).toEqual(NOTHING);
    expect(await jobs.store.takeNextBehind(first.id)).toBeUndefined();
    await jobs.makeDue(first.id);
    expect(await jobs.store.takeNextBehind(first.id)).toEqual({ jobId: first.id, operation: 'BACKUP' });
  });

  test('is held by the index of the database too, should two jobs be claimed at one moment', async () => {
    const place = 'raced for';
    const [first, second] = [newJob({ place }), newJob({ place })];
    await jobs.store.create(first);
    await jobs.store.create(second);
    // Another session that has claimed the later job, but not yet committed, is not seen by the look.
    const session = await jobs.sql.connect();
    await session.query('BEGIN');
    await session.query(`UPDATE jobs.job SET state = 'RUNNING', lease_until_micros = 1 WHERE id = $1`, [second.id]);
    const claimed = claim(first.id);
    await jobs.untilBlocked();
    await session.query('COMMIT');
    session.release();
    expect(await claimed).toEqual(NOTHING);
    expect(await jobs.store.get(first.id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
  });

  test('of different places lets backups run side by side, and beside a restore', async () => {
    await jobs.running({ place: 'here' });
    await jobs.running({ place: 'there' });
    const held = await jobs.store.list({ states: ['RUNNING', 'FINISHING'], limit: 100 });
    expect(held.jobs.map(({ operation }) => operation)).toEqual(expect.arrayContaining(['BACKUP', 'RESTORE']));
  });
});
