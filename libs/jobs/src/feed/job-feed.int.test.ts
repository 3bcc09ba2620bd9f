import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { DatabaseUnavailableError, type Job } from '@tidemark/contracts';
import { silentLogger } from '@tidemark/platform';

import { JobFeed } from '../index.js';
import { LEASE_SECONDS, StoreFixture } from '../job-store.fixture.test.js';
import { RESULT } from '../life/stored-job.fixture.test.js';
import { SwallowingNetwork } from '../swallowing-network.fixture.test.js';

let jobs: StoreFixture;
let feed: JobFeed;
const FEED_SESSION = `application_name = 'tidemark-job-feed'`;

beforeAll(async () => {
  jobs = await StoreFixture.open();
});
beforeEach(() => {
  feed = new JobFeed({ url: jobs.url, log: silentLogger, jobs: jobs.store });
  feed.start();
});
afterEach(async () => {
  await feed.stop();
});
afterAll(() => jobs.close());

async function all(watch: AsyncIterable<Job>): Promise<Job[]> {
  const seen: Job[] = [];
  for await (const job of watch) seen.push(job);
  return seen;
}

async function next(watch: AsyncGenerator<Job, void>): Promise<Job> {
  const { value } = await watch.next();
  if (!value) throw new Error('the watch has ended');
  return value;
}

describe('a watch', () => {
  test('shows the job as it is, then every change until the end', async () => {
    const { id } = await jobs.create();
    const watch = feed.watch(id);
    expect(await next(watch)).toMatchObject({ state: 'QUEUED', revision: 1 });
    const { fence } = await jobs.claim(id);
    expect(await next(watch)).toMatchObject({ state: 'RUNNING', revision: 2 });
    await jobs.store.progress({ jobId: id, fence, serial: 1, phase: 'SNAPSHOT', progress: null });
    expect(await next(watch)).toMatchObject({ phase: 'SNAPSHOT', revision: 3 });
    await jobs.store.cancel(id);
    expect(await next(watch)).toMatchObject({ state: 'CANCELLING', revision: 4 });
    await jobs.store.settle({ jobId: id, fence, outcome: { state: 'CANCELLED' } });
    expect(await next(watch)).toMatchObject({ state: 'CANCELLED', revision: 5 });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  test('of an ended job shows it and ends', async () => {
    const { id } = await jobs.create();
    const ended = await jobs.store.cancel(id);
    expect(await all(feed.watch(id))).toEqual([ended]);
  });

  test('that is slow gets the latest revision only', async () => {
    const { jobId, fence } = await jobs.running();
    const watch = feed.watch(jobId);
    await next(watch);
    for (let serial = 1; serial <= 50; serial++) {
      await jobs.store.progress({ jobId, fence, serial, phase: 'EXPORTING', progress: null });
    }
    expect(await next(watch)).toMatchObject({ revision: 52 });
    await watch.return();
  });

  test('is not woken by heartbeats', async () => {
    const { jobId, fence } = await jobs.running();
    const watch = feed.watch(jobId);
    await next(watch);
    await jobs.store.heartbeat(jobId, { fence, leaseSeconds: LEASE_SECONDS });
    await jobs.store.cancel(jobId);
    expect(await next(watch)).toMatchObject({ state: 'CANCELLING', revision: 3 });
    await watch.return();
  });

  test('of an unknown job throws NOT_FOUND', async () => {
    await expect(all(feed.watch('no-uuid'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('ends without an error when its signal aborts', async () => {
    const { id } = await jobs.create();
    const over = new AbortController();
    const watch = feed.watch(id, over.signal);
    await next(watch);
    const end = watch.next();
    over.abort();
    expect(await end).toMatchObject({ done: true });
    expect(await all(feed.watch(id, AbortSignal.abort()))).toEqual([]);
  });

  test('ends when the feed stops', async () => {
    const watch = feed.watch((await jobs.create()).id);
    await next(watch);
    const end = watch.next();
    await feed.stop();
    expect(await end).toMatchObject({ done: true });
  });

  test('sees a lease expire', async () => {
    const { jobId } = await jobs.running();
    const watch = feed.watch(jobId);
    await next(watch);
    await jobs.loseLease(jobId);
    await jobs.store.expireLeases(1);
    expect(await next(watch)).toMatchObject({ state: 'QUEUED' });
    await watch.return();
  });
});

test('fifty watchers share one connection, and each sees the end', async () => {
  const claims = await Promise.all(Array.from({ length: 10 }, () => jobs.finishing()));
  const watches = Array.from({ length: 50 }, (_, at) => feed.watch(claims[at % claims.length]!.jobId));
  await Promise.all(watches.map((watch) => next(watch)));
  await jobs.until(FEED_SESSION);
  for (const { jobId, fence } of claims) {
    await jobs.store.settle({ jobId, fence, outcome: { state: 'SUCCEEDED', result: RESULT } });
  }
  const ends = await Promise.all(watches.map(all));
  expect(ends.map((seen) => seen.at(-1)?.state)).toEqual(watches.map(() => 'SUCCEEDED'));
  await jobs.until(FEED_SESSION);
});

describe('a feed that loses its connection', () => {
  /** Ends the connection and keeps the feed from a new one while `meanwhile` runs. */
  async function cutWhile(meanwhile: () => Promise<unknown>): Promise<void> {
    const allow = (allowed: boolean): string =>
      `UPDATE pg_database SET datallowconn = ${allowed} WHERE datname = current_database()`;
    await jobs.sql.query(allow(false));
    await jobs.sql.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND ${FEED_SESSION}`);
    await jobs.until(FEED_SESSION, 0);
    await meanwhile();
    await jobs.sql.query(allow(true));
  }

  test('shows what it did not hear, to every watcher', async () => {
    const [first, second] = [await jobs.create(), await jobs.create()];
    const watches = [feed.watch(first.id), feed.watch(first.id), feed.watch(second.id)];
    await jobs.until(`${FEED_SESSION} AND state = 'idle' AND query LIKE 'LISTEN%'`);
    await Promise.all(watches.map(next));
    const waiting = watches.map(all);
    await cutWhile(async () => {
      await jobs.store.cancel(first.id);
      await jobs.store.cancel(second.id);
    });
    const seen = await Promise.all(waiting);
    expect(seen.map((of) => of.map(({ state }) => state))).toEqual([['CANCELLED'], ['CANCELLED'], ['CANCELLED']]);
    expect(feed.listening).toBe(true);
  });

  test('says that it does not listen meanwhile', async () => {
    await jobs.until(`${FEED_SESSION} AND state = 'idle' AND query LIKE 'LISTEN%'`);
    const watch = feed.watch((await jobs.create()).id);
    await next(watch);
    const listening = async (wanted: boolean): Promise<void> => {
      while (feed.listening !== wanted) await jobs.sql.query('SELECT');
    };
    await listening(true);
    await cutWhile(() => listening(false));
    await listening(true);
    await watch.return();
  });
});

test('a watch goes on when the database could not be read for a while, but not when it never was', async () => {
  const { id } = await jobs.create();
  let failures = 0;
  const flaky = new JobFeed({
    url: jobs.url,
    log: silentLogger,
    jobs: {
      get: async (wanted) => {
        if (failures-- > 0) throw new DatabaseUnavailableError(new Error('gone'));
        return await jobs.store.get(wanted);
      },
    },
  });
  flaky.start();
  const watch = flaky.watch(id);
  await next(watch);
  failures = 2;
  await jobs.store.cancel(id);
  expect(await next(watch)).toMatchObject({ state: 'CANCELLED' });
  failures = 1;
  await expect(all(flaky.watch(id))).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  await flaky.stop();
});

test('a feed that cannot connect yet shows changes as soon as it can', async () => {
  const late = new JobFeed({ url: jobs.url, log: silentLogger, jobs: jobs.store });
  const { id } = await jobs.create();
  const watch = late.watch(id);
  await next(watch);
  await jobs.store.cancel(id);
  const change = next(watch);
  late.start();
  expect(await change).toMatchObject({ state: 'CANCELLED' });
  await late.stop();
});

test('a feed notices a network that swallows everything, and connects again', async () => {
  const network = await SwallowingNetwork.before(jobs.url);
  const swallowed = new JobFeed({ url: network.url, log: silentLogger, jobs: jobs.store, probeMillis: 100 });
  swallowed.start();
  while (!swallowed.listening) await jobs.sql.query('SELECT');
  const { id } = await jobs.create();
  const watch = swallowed.watch(id);
  await next(watch);
  network.swallow();
  await jobs.store.cancel(id);
  expect(await next(watch)).toMatchObject({ state: 'CANCELLED' });
  await swallowed.stop();
  await network.close();
});

test('a feed whose database is not there can be stopped', async () => {
  const hopeless = new JobFeed({ url: 'postgres://nobody@127.0.0.1:1/none', log: silentLogger, jobs: jobs.store });
  hopeless.start();
  expect(await next(hopeless.watch((await jobs.create()).id))).toMatchObject({ state: 'QUEUED' });
  await hopeless.stop();
  expect(hopeless.listening).toBe(false);
});
