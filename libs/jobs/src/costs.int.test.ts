/** What happens to a job costs as much among 10,000 that have ended as among none: told by statements and by pages looked at. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { silentLogger as log } from '@tidemark/platform';
import { MeasuredDatabase, type Statement } from '@tidemark/testing';

import { JobStore, type NewJob } from './index.js';
import { LEASE_SECONDS, newJob } from './job-store.fixture.test.js';
import { FILE_EFFECT } from './life/stored-job.fixture.test.js';

type Operation = (store: JobStore, job: NewJob) => Promise<unknown>;

/** Of TypeORM. */
const CONNECTING = new Set(['SELECT version()', 'SELECT * FROM current_schema()']);
/** A scan of all jobs looks at 600. */
const PAGES = 60;
const ENDED = 10_000;
const TURN = { againAfterSeconds: 0, limit: 100 };
const PLACE = randomUUID();
const claimId = randomUUID();

/** Backups to one place, of which most have succeeded, each with its key. */
const FILL = `
  INSERT INTO jobs.job (id, caller, operation, state, exclusive_key, request, warnings, result, error, attempt, worker,
      created_at_micros, started_at_micros, attempt_started_at_micros, ended_at_micros, not_before_micros)
    SELECT gen_random_uuid(), 'tests', CASE n % 100 WHEN 50 THEN 'RESTORE' ELSE 'BACKUP' END, state,
      (SELECT exclusive_key FROM jobs.job), (SELECT request FROM jobs.job), '[]',
      CASE state WHEN 'SUCCEEDED' THEN '{}'::json END, CASE state WHEN 'FAILED' THEN '{}'::json END, 1, 'w', n, n, n, n, n
    FROM generate_series(1, ${ENDED}) AS n,
      LATERAL (SELECT CASE n % 10 WHEN 0 THEN 'FAILED' WHEN 1 THEN 'CANCELLED' ELSE 'SUCCEEDED' END AS state) AS ended;
  INSERT INTO jobs.idempotency_key
    SELECT 'tests', 'key-' || position, 'h', id, (extract(epoch FROM now()) * 1000000)::bigint
    FROM jobs.job WHERE ended_at_micros IS NOT NULL;
  DELETE FROM jobs.job WHERE ended_at_micros IS NULL;
  VACUUM ANALYZE jobs.job;
  VACUUM ANALYZE jobs.idempotency_key`;

let database: MeasuredDatabase;
beforeAll(async () => {
  database = await MeasuredDatabase.open();
  const store = await JobStore.open({ url: database.url, log });
  for (const table of ['job', 'idempotency_key']) {
    await database.run(`ALTER TABLE jobs.${table} SET (autovacuum_enabled = off)`);
  }
  await store.create(job());
  await store.close();
  await database.run(...FILL.split(';\n'));
});
afterAll(() => database.close());

const job = (given: Partial<NewJob> = {}): NewJob => newJob({ place: PLACE, ...given });

const claimed = (store: JobStore, { id }: NewJob) =>
  store.claim(id, { claimId, worker: 'w', leaseSeconds: LEASE_SECONDS });

/** One after the other, in the life of one job. */
const rows: readonly [name: string, statements: number, operation: Operation][] = [
  ['its making', 1, (store, one) => store.create(one)],
  ['its making again', 3, (store, one) => store.create({ ...one, id: randomUUID() })],
  ['its ringing', 1, (store) => store.takeJobsToRing(TURN)],
  ['its claim', 2, claimed],
  [
    'a claim in vain',
    2,
    (store, { id }) => store.claim(id, { claimId: randomUUID(), worker: 'v', leaseSeconds: LEASE_SECONDS }),
  ],
  ['a heartbeat', 1, (store, { id }) => store.heartbeat(id, { fence: 1, leaseSeconds: LEASE_SECONDS })],
  [
    'its progress',
    1,
    (store, { id }) => store.progress({ jobId: id, fence: 1, serial: 1, phase: 'EXPORTING', progress: null }),
  ],
  ['its effect', 2, (store, { id }) => store.finishing(id, { fence: 1, effect: FILE_EFFECT })],
  ['leases that are over', 1, (store) => store.expireLeases(100)],
  ['switches to ask for', 1, (store) => store.takeSwitches(TURN)],
  [
    'its end',
    2,
    (store, { id }) => store.settle({ jobId: id, fence: 1, outcome: { state: 'SUCCEEDED', result: {} as never } }),
  ],
  ['who waited for it', 1, (store, { id }) => store.takeNextBehind(id)],
  ['ends to tell', 1, (store) => store.takeUntold(100)],
  ['what was told', 1, (store, { id }) => store.told({ id, revision: 1 })],
  ['a look at it', 1, (store, { id }) => store.get(id)],
  ['the first page', 1, (store) => store.list({ limit: 20 })],
  ['the last page', 1, (store) => store.list({ limit: 20, after: 100 })],
  ['the first page of a state', 1, (store) => store.list({ limit: 20, states: ['FAILED'] })],
  ['the first page of a state that none is in', 1, (store) => store.list({ limit: 20, states: ['RUNNING', 'QUEUED'] })],
  ['the first page of restores', 1, (store) => store.list({ limit: 20, operation: 'RESTORE' })],
  ['the workers', 1, (store) => store.seenWorkers(LEASE_SECONDS)],
  ['keys that are too old', 1, (store) => store.purgeIdempotencyKeys()],
];

const one = job({ idempotency: { key: 'one', bodyHash: 'h' } });

/** The store is opened for it, which looks at a few pages as well. */
async function costOf(operation: Operation): Promise<{ statements: readonly Statement[]; buffers: number }> {
  const { statements, buffers } = await database.costOf(async () => {
    const store = await JobStore.open({ url: database.url, log });
    await operation(store, one).finally(() => store.close());
  });
  const isOwn = ({ by, text }: Statement): boolean => by === 'tidemark-jobs' && text !== null && !CONNECTING.has(text);
  return { statements: statements.filter(isOwn), buffers };
}

test.each(rows)('%s: as few statements, and a few pages', async (_name, count, operation) => {
  const { statements, buffers } = await costOf(operation);
  expect(statements).toHaveLength(count);
  expect(buffers).toBeLessThan(PAGES);
});

test('the figures: jobs are counted in an index, and in no table', async () => {
  const { statements, buffers } = await costOf((store) => store.figures());
  expect(statements).toHaveLength(2);
  expect(buffers).toBeLessThan(3 * PAGES);
});
