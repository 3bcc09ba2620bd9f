import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { LEASE_SECONDS, StoreFixture } from '../job-store.fixture.test.js';
import { FILE_EFFECT, RESULT } from '../life/stored-job.fixture.test.js';

let jobs: StoreFixture;
beforeAll(async () => {
  jobs = await StoreFixture.open();
});
afterAll(() => jobs.close());

const nowMicros = async (): Promise<number> => {
  const { rows } = await jobs.sql.query<{ now: string }>(
    'SELECT extract(epoch FROM clock_timestamp()) * 1000000 AS now',
  );
  return Number(rows[0]?.now);
};

test('workers are seen by their leases and the ends of their jobs, the latest first, and forgotten after a quarter of an hour', async () => {
  expect(await jobs.store.seenWorkers(LEASE_SECONDS)).toEqual([]);
  const [first, second, third] = [await jobs.create(), await jobs.create(), await jobs.create()];
  const before = await nowMicros();
  const claim = await jobs.claim(first.id, 'one');
  await jobs.claim(second.id, 'two');
  await jobs.claim(third.id, 'two');
  const seen = await jobs.store.seenWorkers(LEASE_SECONDS);
  expect(seen).toEqual([
    { worker: 'two', lastSeenMicros: expect.any(Number), jobIds: [second.id, third.id].sort() },
    { worker: 'one', lastSeenMicros: expect.any(Number), jobIds: [first.id] },
  ]);
  for (const { lastSeenMicros } of seen) expect(lastSeenMicros).toBeGreaterThanOrEqual(before);

  await jobs.store.heartbeat(first.id, { fence: claim.fence, leaseSeconds: LEASE_SECONDS });
  const [beaten] = await jobs.store.seenWorkers(LEASE_SECONDS);
  expect(beaten).toMatchObject({ worker: 'one', jobIds: [first.id] });
  expect(beaten!.lastSeenMicros).toBeGreaterThan(seen[0]!.lastSeenMicros);

  await jobs.store.finishing(first.id, { fence: claim.fence, effect: FILE_EFFECT });
  await jobs.store.settle({ jobId: first.id, fence: claim.fence, outcome: { state: 'SUCCEEDED', result: RESULT } });
  const [ended, two] = await jobs.store.seenWorkers(LEASE_SECONDS);
  expect(ended).toMatchObject({ worker: 'one', jobIds: [] });
  expect(ended!.lastSeenMicros).toBe((await jobs.store.get(first.id)).endedAtMicros);
  expect(two).toEqual(seen[0]);

  await jobs.sql.query(`UPDATE jobs.job SET
    attempt_started_at_micros = attempt_started_at_micros - 1e9, lease_until_micros = lease_until_micros - 1e9`);
  expect(await jobs.store.seenWorkers(LEASE_SECONDS)).toEqual([ended]);
});
