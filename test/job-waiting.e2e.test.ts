import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  exchange,
  PostgresProxy,
  startSystem,
  type Job,
  type RawAnswer,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** How long a PATCH waits for its job, and with what it answers: `Prefer` and the setting that stands in for it. */
let proxy: PostgresProxy;
let it: RunningSystem;
beforeAll(async () => {
  proxy = await PostgresProxy.open();
  it = await startSystem({ proxy });
  await it.client.put('/kept/a', { n: 1 });
});
afterAll(async () => {
  await it.remove();
  await proxy.close();
});

const JOBS = '/core/management/jobs';
const archive = (name: string): string => `file:${it.archives}/${name}.zip`;
const jobIn = ({ text }: RawAnswer): Job => JSON.parse(text) as Job;

interface Asked {
  readonly prefer?: string | string[];
  /** Of the job: who asks again with it asks for the same one. */
  readonly key?: string;
  readonly signal?: AbortSignal;
  readonly of?: RunningSystem;
}
const backup = (name: string, { prefer, key, signal, of = it }: Asked = {}): Promise<RawAnswer> =>
  exchange(of.url, {
    method: 'PATCH',
    path: '/core/management',
    headers: {
      'content-type': 'application/json',
      ...(prefer === undefined ? {} : { prefer }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: JSON.stringify({ kind: BACKUP_KIND, destination: `file:${of.archives}/${name}.zip` }),
    ...(signal ? { signal } : {}),
  });

describe('Prefer: wait=<seconds>', () => {
  test('brings the job as it ended: 200 for one that succeeded', async () => {
    const answer = await backup('good', { prefer: 'wait=60' });
    const job = jobIn(answer);
    expect([answer.status, job.state]).toEqual([200, 'SUCCEEDED']);
    expect(answer.headers).toMatchObject({ 'preference-applied': 'wait=60', location: job.documentSelfLink });
    expect(job).toEqual(await it.client.job(job.id));
  });

  test('the status of its error for one that failed', async () => {
    const { status, body, headers } = await it.client.restore(archive('missing'));
    expect([status, body.state, body.error?.code]).toEqual([422, 'FAILED', 'ARCHIVE_NOT_FOUND']);
    expect(headers.get('location')).toBe(`${JOBS}/${body.id}`);
  });

  test('409 for one that was cancelled', async () => {
    const held = proxy.hold('tidemark-part');
    const answered = it.client.backup(archive('cancelled'));
    await held.reached;
    const { body: running } = await it.client.call<{ documentLinks: string[] }>('GET', `${JOBS}?state=RUNNING`);
    await it.client.call('DELETE', running.documentLinks[0] ?? '');
    held.release();
    expect(await answered).toMatchObject({ status: 409, body: { state: 'CANCELLED' } });
  });

  test('shorter than the job: 202 with the job as it is then, which goes on', async () => {
    const held = proxy.hold('tidemark-part');
    await backup('long', { prefer: 'respond-async', key: 'long' });
    await held.reached;
    const answer = await backup('long', { prefer: 'wait=1', key: 'long' });
    const job = jobIn(answer);
    expect([answer.status, job.state]).toEqual([202, 'RUNNING']);
    expect(answer.headers).toMatchObject({ 'preference-applied': 'wait=1', location: `${JOBS}/${job.id}` });
    held.release();
    expect((await it.client.ended(job.id)).state).toBe('SUCCEEDED');
  });

  test('of several jobs one after the other ends with each of them', async () => {
    const held = proxy.hold('tidemark-part');
    const answers = [1, 2, 3].map(() => backup('queue', { prefer: 'wait=60' }));
    await held.reached;
    held.release();
    const jobs = (await Promise.all(answers)).map(({ status, text }) => [status, (JSON.parse(text) as Job).state]);
    expect(jobs).toEqual(Array(3).fill([200, 'SUCCEEDED']));
  });
});

describe('asked for in other ways', () => {
  test.each<[prefer: string | string[], status: number, applied: string | undefined]>([
    ['respond-async', 202, 'respond-async'],
    ['respond-async, wait=60', 200, 'respond-async, wait=60'],
    ['WAIT = "60"; foo=bar', 200, 'wait=60'],
    [['return=minimal', 'wait=60'], 200, 'wait=60'],
    ['wait=60, wait=0', 200, 'wait=60'],
    ['wait=86400', 200, 'wait=600'],
    ['wait=0', 202, 'wait=0'],
    ['wait=-1', 202, undefined],
    ['wait=1.5', 202, undefined],
    ['wait=soon', 202, undefined],
    ['wait', 202, undefined],
    ['wait=', 202, undefined],
    ['handling=strict', 202, undefined],
    ['', 202, undefined],
  ])('%j', async (prefer, status, applied) => {
    const answer = await backup('forms', { prefer });
    expect([answer.status, answer.headers['preference-applied']]).toEqual([status, applied]);
    expect(jobIn(answer).state).toBe(status === 200 ? 'SUCCEEDED' : 'QUEUED');
    await it.client.ended(jobIn(answer).id);
  });
});

test('a caller that goes away ends its wait and not the job', async () => {
  const held = proxy.hold('tidemark-part');
  const gone = new AbortController();
  const answered = backup('alone', { prefer: 'wait=600', signal: gone.signal });
  await held.reached;
  gone.abort();
  await expect(answered).rejects.toThrow('aborted');
  const { body } = await it.client.call<{ documentLinks: string[] }>('GET', `${JOBS}?state=RUNNING`);
  expect(body.documentLinks).toHaveLength(1);
  held.release();
  const job = await it.client.ended(body.documentLinks[0]?.slice(JOBS.length + 1) ?? '');
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1, request: { destination: archive('alone') } });
  expect(it.log()).not.toMatch(/"level":(50|60)/);
});

describe('with TIDEMARK_PATCH_WAIT_SECONDS', () => {
  let waiting: RunningSystem;
  beforeAll(async () => {
    waiting = await startSystem({ proxy, settings: { TIDEMARK_PATCH_WAIT_SECONDS: '60' } });
  });
  afterAll(() => waiting.remove());

  test('a caller that says nothing waits', async () => {
    const answer = await backup('a', { of: waiting });
    expect([answer.status, jobIn(answer).state]).toEqual([200, 'SUCCEEDED']);
    expect(answer.headers['preference-applied']).toBeUndefined();
  });

  test.each(['respond-async', 'wait=0'])('one that prefers %s does not', async (prefer) => {
    const answer = await backup('a', { of: waiting, prefer });
    expect([answer.status, answer.headers['preference-applied'], jobIn(answer).state]).toEqual([202, prefer, 'QUEUED']);
    await waiting.client.ended(jobIn(answer).id);
  });

  test('one whose wish is not understood waits', async () => {
    expect((await backup('a', { of: waiting, prefer: 'wait=soon' })).status).toBe(200);
  });

  test('a server that is told to stop answers who waits, with the job so far', async () => {
    const held = proxy.hold('tidemark-part');
    const answered = backup('a', { of: waiting });
    await held.reached;
    const stopped = waiting.stop();
    const answer = await answered;
    expect([answer.status, answer.headers.location]).toEqual([202, jobIn(answer).documentSelfLink]);
    held.release();
    expect(await stopped).toBe(0);
  });
});
