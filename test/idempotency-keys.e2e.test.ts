import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  exchange,
  PostgresProxy,
  refusalOf,
  RESTORE_KIND,
  startSystem,
  type Answer,
  type Job,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** `Idempotency-Key`: a request made again is the same job. */
let proxy: PostgresProxy;
let first: RunningSystem;
let it: RunningSystem;
beforeAll(async () => {
  proxy = await PostgresProxy.open();
  first = it = await startSystem({ proxy });
});
afterAll(async () => {
  await it.stop();
  await first.remove();
  await proxy.close();
});

const archive = (name = 'a'): string => `file:${it.archives}/${name}.zip`;
const backup = (key: string, { name = 'a', wait = true } = {}): Promise<Answer<Job>> =>
  it.client.backup(archive(name), { wait, headers: { 'idempotency-key': key } });
const jobCount = async (): Promise<number> =>
  (await it.client.call<{ documentCount: number }>('GET', '/core/management/jobs?$limit=1000')).body.documentCount;

test('the same key and body: the same job, while it runs and after its end', async () => {
  const held = proxy.hold('tidemark-part');
  const accepted = await backup('running', { wait: false });
  await held.reached;
  const again = await backup('running', { wait: false });
  expect([again.status, again.headers.get('location')]).toEqual([202, accepted.headers.get('location')]);
  expect(again.body).toMatchObject({ id: accepted.body.id, state: 'RUNNING' });
  const waiting = backup('running');
  held.release();
  const ended = await waiting;
  expect(ended).toMatchObject({ status: 200, body: { id: accepted.body.id, state: 'SUCCEEDED', attempt: 1 } });
  expect((await backup('running')).body).toEqual(ended.body);
  expect(await backup('running', { wait: false })).toMatchObject({ status: 202, body: ended.body });
});

test('of a job that failed, the failure again and no new try', async () => {
  const restore = (): Promise<Answer<Job>> =>
    it.client.restore(archive('missing'), { headers: { 'idempotency-key': 'failed' } });
  const failed = await restore();
  expect([failed.status, failed.body.error?.code]).toEqual([422, 'ARCHIVE_NOT_FOUND']);
  const jobs = await jobCount();
  const again = await restore();
  expect([again.status, again.body]).toEqual([422, failed.body]);
  expect(await jobCount()).toBe(jobs);
});

test('a body that says the same in another way is the same; without a key it is a job of its own', async () => {
  const { body } = await backup('canonical');
  const text = `{ "colour": "blue", "destination":"${archive()}",\n"backupType": "ZIP", "kind":"${BACKUP_KIND}" }`;
  const patch = (headers: Record<string, string>): Promise<Answer<Job>> =>
    it.client.call('PATCH', '/core/management', { body: text, headers: { prefer: 'wait=60', ...headers } });
  expect((await patch({ 'idempotency-key': 'canonical' })).body.id).toBe(body.id);
  expect((await patch({})).body.id).not.toBe(body.id);
});

test.each([
  ['destination', () => ({ kind: BACKUP_KIND, destination: archive('b') })],
  ['kind', () => ({ kind: RESTORE_KIND, destination: archive() })],
])('409: another %s under the key, whether its job runs or not', async (what, body) => {
  const key = `reused ${what}`;
  const { body: job } = await backup(key);
  const jobs = await jobCount();
  const answer = await exchange(it.url, {
    method: 'PATCH',
    path: '/core/management',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(body()),
  });
  expect(refusalOf(answer)).toMatchObject({
    statusCode: 409,
    code: 'IDEMPOTENCY_KEY_REUSED',
    message: 'this idempotency key was used before with another body',
    details: { jobId: job.id },
  });
  expect(await jobCount()).toBe(jobs);
});

test('a request that was refused has not used its key', async () => {
  const refused = await it.client.backup('file:/etc/a.zip', { headers: { 'idempotency-key': 'unused' } });
  expect(refused.status).toBe(403);
  expect((await backup('unused')).status).toBe(200);
});

test('twenty requests at once with one key are one job, and each is answered with it', async () => {
  const jobs = await jobCount();
  const answers = await Promise.all(Array.from({ length: 20 }, () => backup('race', { name: 'race' })));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect(await jobCount()).toBe(jobs + 1);
});

test('twenty at once, half of them with another body: one body wins, the others are refused', async () => {
  const jobs = await jobCount();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => backup('rivals', { name: n % 2 === 0 ? 'even' : 'odd' })),
  );
  const byName = [0, 1].map((side) => new Set(answers.filter((_, n) => n % 2 === side).map(({ status }) => status)));
  expect(byName).toEqual(expect.arrayContaining([new Set([200]), new Set([409])]));
  expect(await jobCount()).toBe(jobs + 1);
});

test.each(['', 'x'.repeat(201), 'tab\tbed', 'käse'])('400: %j is no key', async (key) => {
  const answer = await exchange(it.url, {
    method: 'PATCH',
    path: '/core/management',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ kind: BACKUP_KIND, destination: archive() }),
  });
  expect(refusalOf(answer)).toMatchObject({
    code: 'PARAMETER_INVALID',
    message: 'Idempotency-Key must be 1 to 200 printable ASCII characters',
  });
});

test('a key outlives the server, stopped or killed', async () => {
  const { body } = await backup('outlives');
  for (const end of ['stop', 'kill'] as const) {
    await it[end]();
    it = await startSystem({ like: it, proxy });
    expect(await backup('outlives')).toMatchObject({ status: 200, body });
    expect((await backup('outlives', { name: 'b' })).status).toBe(409);
  }
});
