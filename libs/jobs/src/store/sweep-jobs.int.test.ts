import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { silentLogger } from '@tidemark/platform';

import { JobStore } from '../index.js';
import { LEASE_SECONDS, MUCH_LATER, StoreFixture } from '../job-store.fixture.test.js';
import { RESTORE, SWITCH_EFFECT } from '../life/stored-job.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open({ retryRule: MUCH_LATER });
});
afterEach(() => jobs.clear());
afterAll(() => jobs.close());

const AT_ONCE = { againAfterSeconds: 0, limit: 100 };
const LATER = { againAfterSeconds: 60, limit: 100 };
const rung = async (turn = AT_ONCE): Promise<string[]> =>
  (await jobs.store.takeJobsToRing(turn)).map(({ jobId }) => jobId);

describe('jobs to ring', () => {
  test('are those that nobody claimed, oldest first, and not again too soon', async () => {
    const [first, second] = [await jobs.create(), await jobs.create({ request: RESTORE })];
    await jobs.running();
    expect(await rung(LATER)).toEqual([]);
    expect(await jobs.store.takeJobsToRing(AT_ONCE)).toEqual([
      { jobId: first.id, operation: 'BACKUP' },
      { jobId: second.id, operation: 'RESTORE' },
    ]);
    expect(await rung(LATER)).toEqual([]);
    await jobs.set(second.id, 'rung_at_micros = rung_at_micros - 61000000');
    expect(await rung(LATER)).toEqual([second.id]);
    expect(await rung({ againAfterSeconds: 0, limit: 1 })).toEqual([first.id]);
  });

  test('are no change that callers see', async () => {
    const job = await jobs.create();
    await rung();
    expect(await jobs.store.get(job.id)).toEqual(job);
  });

  test('come back as soon as their back-off is over', async () => {
    const { jobId, fence } = await jobs.running();
    const error = { code: 'SPOOL_FULL', message: 'full', phase: null, retriable: true } as const;
    await jobs.store.settle({ jobId, fence, outcome: { state: 'FAILED', error } });
    expect(await rung()).toEqual([]);
    await jobs.makeDue(jobId);
    expect(await rung(LATER)).toEqual([jobId]);
  });

  test('do not wait behind another', async () => {
    const place = 'one place';
    const { jobId } = await jobs.running({ place });
    await jobs.create({ place });
    expect(await rung()).toEqual([]);
    expect(jobId).toEqual(expect.any(String));
  });

  test('include a backup in FINISHING without a lease, but no restore', async () => {
    const backup = await jobs.finishing();
    const restore = await jobs.finishing({ request: RESTORE });
    expect(await rung()).toEqual([]);
    await jobs.loseLease(backup.jobId);
    await jobs.loseLease(restore.jobId);
    expect(await rung()).toEqual([backup.jobId]);
  });

  test('are given to one of several gateways that sweep at once', async () => {
    const created = await Promise.all(Array.from({ length: 20 }, () => jobs.create()));
    await jobs.sql.query('UPDATE jobs.job SET rung_at_micros = NULL');
    const other = await JobStore.open({ url: jobs.url, log: silentLogger });
    const turns = await Promise.all([jobs.store, other, jobs.store, other].map((store) => store.takeJobsToRing(LATER)));
    await other.close();
    const ids = turns.flat().map(({ jobId }) => jobId);
    expect([...ids].sort()).toEqual(created.map(({ id }) => id).sort());
  });
});

describe('leases that ran out', () => {
  test('queue the job for its next attempt, with a back-off', async () => {
    const { jobId, fence } = await jobs.running();
    expect(await jobs.store.expireLeases(10)).toEqual([]);
    await jobs.set(jobId, 'lease_until_micros = lease_until_micros - 30500000');
    const [job] = await jobs.store.expireLeases(10);
    expect(job).toMatchObject({ id: jobId, state: 'QUEUED', phase: null, attempts: [{ attempt: 1, error: null }] });
    expect(await jobs.column<string>(jobId, 'not_before_micros')).toBe(
      String((job?.attempts[0]?.endedAtMicros ?? 0) + 60_000_000),
    );
    expect(await jobs.store.heartbeat(jobId, { fence, leaseSeconds: LEASE_SECONDS })).toBe('LOST');
  });

  test('fail the job after its fifth attempt', async () => {
    const { id } = await jobs.create();
    for (let attempt = 1; attempt <= 5; attempt++) {
      await jobs.makeDue(id);
      await jobs.claim(id);
      await jobs.loseLease(id);
      await jobs.store.expireLeases(10);
    }
    const job = await jobs.store.get(id);
    expect(job).toMatchObject({ state: 'FAILED', attempt: 5, error: { code: 'ATTEMPTS_EXHAUSTED', attempt: 5 } });
    expect(job.attempts).toHaveLength(5);
  });

  test('cancel a job that was being cancelled', async () => {
    const { jobId } = await jobs.running();
    await jobs.store.cancel(jobId);
    await jobs.loseLease(jobId);
    expect(await jobs.store.expireLeases(10)).toMatchObject([{ id: jobId, state: 'CANCELLED' }]);
  });

  test('do not touch a job in FINISHING', async () => {
    const { jobId, fence } = await jobs.finishing();
    await jobs.loseLease(jobId);
    expect(await jobs.store.expireLeases(10)).toEqual([]);
    expect(await jobs.store.heartbeat(jobId, { fence, leaseSeconds: LEASE_SECONDS })).toBe('GO');
  });

  test('expire by the clock of the database', async () => {
    const { id } = await jobs.create();
    await jobs.store.claim(id, { claimId: id, worker: 'w', leaseSeconds: 0.05 });
    let expired = await jobs.store.expireLeases(10);
    while (expired.length === 0) expired = await jobs.store.expireLeases(10);
    const [job] = expired;
    expect(job?.attempts[0]).toMatchObject({ endedAtMicros: (job?.startedAtMicros ?? 0) + 50_000 });
  });

  test('are ended once by several gateways that sweep at once', async () => {
    const running = await Promise.all(Array.from({ length: 10 }, () => jobs.running()));
    await jobs.sql.query('UPDATE jobs.job SET lease_until_micros = 1');
    const other = await JobStore.open({ url: jobs.url, log: silentLogger });
    const turns = await Promise.all([jobs.store, other, jobs.store, other].map((store) => store.expireLeases(100)));
    await other.close();
    const ids = turns.flat().map(({ id }) => id);
    expect([...ids].sort()).toEqual(running.map(({ jobId }) => jobId).sort());
    expect(turns.flat().every(({ attempts }) => attempts.length === 1)).toBe(true);
  });

  test('leave a job alone whose heartbeat came between the look and the change', async () => {
    const { jobId, fence } = await jobs.running();
    const lease = await jobs.column<string>(jobId, 'lease_until_micros');
    await jobs.loseLease(jobId);
    const session = await jobs.sql.connect();
    await session.query('BEGIN');
    await session.query('UPDATE jobs.job SET lease_until_micros = $2 WHERE id = $1', [jobId, lease]);
    const expired = jobs.store.expireLeases(10);
    await jobs.untilBlocked();
    await session.query('COMMIT');
    session.release();
    expect(await expired).toEqual([]);
    expect(await jobs.store.heartbeat(jobId, { fence, leaseSeconds: LEASE_SECONDS })).toBe('GO');
  });
});

describe('switches to ask for', () => {
  test('are of restores in FINISHING, not again too soon, and after their back-off', async () => {
    const { jobId } = await jobs.finishing({ request: RESTORE });
    await jobs.finishing();
    expect(await jobs.store.takeSwitches(LATER)).toEqual([]);
    expect(await jobs.store.takeSwitches(AT_ONCE)).toEqual([{ jobId, effect: SWITCH_EFFECT }]);
    expect(await jobs.store.takeSwitches(LATER)).toEqual([]);
    const error = { code: 'INDEX_UNAVAILABLE', message: 'down', phase: 'SWITCHING' } as const;
    await jobs.store.settleRestore(jobId, { outcome: 'FAILED', error });
    expect(await jobs.store.takeSwitches(AT_ONCE)).toEqual([]);
    await jobs.makeDue(jobId);
    expect(await jobs.store.takeSwitches(LATER)).toEqual([{ jobId, effect: SWITCH_EFFECT }]);
  });
});
