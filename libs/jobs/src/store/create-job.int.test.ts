import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { jobSchema } from '@tidemark/contracts';

import { IdempotencyKeyReusedError } from '../index.js';
import { newJob, StoreFixture } from '../job-store.fixture.test.js';
import { BACKUP, RESTORE } from '../life/stored-job.fixture.test.js';

const DAY = 24 * 60 * 60 * 1_000_000;
let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open();
});
afterAll(() => jobs.close());

/** Lets a key have been used so many days ago, by the database's clock. */
async function makeOlder(key: string, days: number): Promise<void> {
  await jobs.sql.query(
    'UPDATE jobs.idempotency_key SET created_at_micros = (extract(epoch FROM now()) * 1000000)::bigint - $2 WHERE key = $1',
    [key, days * DAY],
  );
}

describe('a new job', () => {
  test('is queued, and is what the contract says a job is', async () => {
    const { outcome, job } = await jobs.store.create(newJob({ warnings: ['a field was ignored'] }));
    expect(outcome).toBe('CREATED');
    expect(job).toMatchObject({ operation: 'BACKUP', state: 'QUEUED', attempt: 0, revision: 1, attempts: [] });
    expect(job).toMatchObject({
      request: BACKUP,
      warnings: ['a field was ignored'],
      documentSelfLink: expect.any(String),
    });
    expect(jobSchema.strict().parse(job)).toEqual(job);
    expect(await jobs.store.get(job.id)).toEqual(job);
  });

  test('keeps every character of its request', async () => {
    const request = {
      ...RESTORE,
      backupServiceLink: 'NUL \u0000, lone \ud800, astral 🗄',
      timeSnapshotBoundaryMicros: 2 ** 53 - 1,
    };
    const job = await jobs.create({ request });
    expect(job).toMatchObject({ operation: 'RESTORE', request });
    expect((await jobs.store.get(job.id)).request).toEqual(request);
  });

  test('takes its time from the clock of the database', async () => {
    const now = async (): Promise<number> => {
      const { rows } = await jobs.sql.query<{ now: string }>(
        'SELECT extract(epoch FROM clock_timestamp()) * 1000000 AS now',
      );
      return Math.trunc(Number(rows[0]!.now));
    };
    const before = await now();
    const { createdAtMicros } = await jobs.create();
    expect(createdAtMicros).toBeGreaterThanOrEqual(before);
    expect(createdAtMicros).toBeLessThanOrEqual(await now());
  });

  test('keeps no destination that could hold a secret in its exclusive key', async () => {
    const job = await jobs.create({ place: 'https://store/x.zip?signature=canary-0815' });
    const { rows } = await jobs.sql.query<{ row: string }>('SELECT j::text AS row FROM jobs.job AS j WHERE id = $1', [
      job.id,
    ]);
    expect(rows[0]!.row).not.toContain('canary-0815');
  });

  test('may have a destination of any length', async () => {
    const job = await jobs.create({ place: `https://store/${'x'.repeat(60_000)}` });
    expect(job.state).toBe('QUEUED');
  });
});

describe('an idempotency key', () => {
  const idempotency = (key: string, bodyHash = 'hash'): { idempotency: { key: string; bodyHash: string } } => ({
    idempotency: { key, bodyHash },
  });

  test('gives the first job again for the same body', async () => {
    const first = await jobs.store.create(newJob(idempotency('same')));
    const second = await jobs.store.create(newJob(idempotency('same')));
    expect(second).toEqual({ outcome: 'REPEATED', job: first.job });
  });

  test('gives the first job as it is now', async () => {
    const job = await jobs.create(idempotency('moved'));
    await jobs.store.cancel(job.id);
    const { job: again } = await jobs.store.create(newJob(idempotency('moved')));
    expect(again).toMatchObject({ id: job.id, state: 'CANCELLED' });
  });

  test('is refused for another body, and nothing is stored', async () => {
    await jobs.create(idempotency('other body'));
    const refused = newJob(idempotency('other body', 'other hash'));
    await expect(jobs.store.create(refused)).rejects.toThrow(IdempotencyKeyReusedError);
    await expect(jobs.store.get(refused.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('is its caller’s own', async () => {
    const mine = await jobs.create({ caller: 'me', ...idempotency('shared') });
    const { outcome, job } = await jobs.store.create(newJob({ caller: 'you', ...idempotency('shared', 'other hash') }));
    expect(outcome).toBe('CREATED');
    expect(job.id).not.toBe(mine.id);
  });

  test('makes one job of twenty requests at once', async () => {
    const racing = Array.from({ length: 20 }, () => jobs.store.create(newJob(idempotency('race'))));
    const answers = await Promise.all(racing);
    expect(answers.filter(({ outcome }) => outcome === 'CREATED')).toHaveLength(1);
    expect(new Set(answers.map(({ job }) => job.id)).size).toBe(1);
  });

  test('lives for seven days and may then be used again, purged or not', async () => {
    const first = await jobs.create(idempotency('week'));
    await makeOlder('week', 6.99);
    expect((await jobs.store.create(newJob(idempotency('week')))).job.id).toBe(first.id);
    await makeOlder('week', 7.01);
    const second = await jobs.create(idempotency('week', 'other hash'));
    expect(second.id).not.toBe(first.id);
    expect((await jobs.store.create(newJob(idempotency('week', 'other hash')))).job.id).toBe(second.id);
  });

  test('is one job too when twenty requests race for an old key', async () => {
    await jobs.create(idempotency('old race'));
    await makeOlder('old race', 8);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => jobs.store.create(newJob(idempotency('old race', 'new')))),
    );
    expect(answers.filter(({ outcome }) => outcome === 'CREATED')).toHaveLength(1);
  });

  test('is purged when it is older than that, and its job stays', async () => {
    const old = await jobs.create(idempotency('old'));
    await jobs.create(idempotency('young'));
    await makeOlder('old', 7.01);
    expect(await jobs.store.purgeIdempotencyKeys()).toBe(1);
    expect(await jobs.store.purgeIdempotencyKeys()).toBe(0);
    expect((await jobs.store.get(old.id)).id).toBe(old.id);
    expect((await jobs.store.create(newJob(idempotency('young')))).outcome).toBe('REPEATED');
  });
});
