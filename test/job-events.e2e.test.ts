import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { exchange, PostgresProxy, refusalOf, startSystem, type Job, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** The events of a job, as Server-Sent Events over a connection of one's own. */
let proxy: PostgresProxy;
let it: RunningSystem;
beforeAll(async () => {
  proxy = await PostgresProxy.open();
  it = await startSystem({ proxy, settings: { TIDEMARK_PART_BYTES: String(64 * 1024) } });
  await it.client.bulk(Array.from({ length: 2000 }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(50) }]));
});
afterAll(async () => {
  await it.remove();
  await proxy.close();
});

const archive = (name: string): string => `file:${it.archives}/${name}.zip`;
const eventsPath = (id: string): string => `/core/management/jobs/${id}/events`;

async function heldBackup(name: string): Promise<{ id: string; release: () => void }> {
  const held = proxy.hold('tidemark-part');
  const { body } = await it.client.backup(archive(name), { wait: false });
  await held.reached;
  return { id: body.id, release: () => held.release() };
}

async function jobsSeen(id: string): Promise<Job[]> {
  const seen: Job[] = [];
  for await (const job of it.client.watch(id)) seen.push(job);
  return seen;
}

/** An answer that was never to end: what has come of it by now, and how to go away. */
async function listen(id: string, lastEventId?: string): Promise<{ answer: Response; leave: () => void }> {
  const gone = new AbortController();
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const answer = await fetch(`${it.url}${eventsPath(id)}`, { headers, signal: gone.signal });
  return { answer, leave: () => gone.abort() };
}

const EVENT = /^id: (?<id>\d+)\nevent: job\ndata: (?<data>\{.*\})$/;
const eventsIn = (stream: string): { id: number; job: Job }[] =>
  stream
    .split('\n\n')
    .filter((event) => event !== '' && event !== ': ping')
    .map((event) => {
      const { id, data = '' } = EVENT.exec(event)?.groups ?? {};
      return { id: Number(id), job: JSON.parse(data) as Job };
    });

describe('a listener', () => {
  test('sees the job as it is, then each change in order, then its end, and the stream ends', async () => {
    const { id, release } = await heldBackup('order');
    const { answer } = await listen(id);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    release();
    const events = eventsIn(await answer.text());
    expect(events[0]?.job).toMatchObject({ id, state: 'RUNNING' });
    expect(events.map((event) => event.id)).toEqual(events.map(({ job }) => job.revision));
    const revisions = events.map((event) => event.id);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    const states = [...new Set(events.map(({ job }) => job.state))];
    expect(['RUNNING', 'FINISHING', 'SUCCEEDED'].filter((state) => states.includes(state as Job['state']))).toEqual(
      states,
    );
    expect(events.at(-1)?.job).toEqual(await it.client.job(id));
  });

  test('of a restore as well: phases come in their order', async () => {
    const held = proxy.hold('tidemark-part');
    const { body } = await it.client.restore(archive('order'), { wait: false });
    const seeing = jobsSeen(body.id);
    await held.reached;
    held.release();
    const phases = (await seeing).flatMap(({ phase }) => phase ?? []);
    const order = ['STARTING', 'OPENING', 'STAGING', 'BUILDING', 'SWITCHING'];
    const places = phases.map((phase) => order.indexOf(phase));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  test('that comes again with Last-Event-ID is not told again what it has seen', async () => {
    const { id, release } = await heldBackup('again');
    const first = await listen(id);
    const { revision } = await it.client.jobWhen(id, ({ phase }) => phase === 'EXPORTING');
    first.leave();
    const { answer } = await listen(id, String(revision));
    release();
    const events = eventsIn(await answer.text());
    expect(events[0]?.id).toBeGreaterThan(revision);
    expect(events.at(-1)?.job.state).toBe('SUCCEEDED');
    const whole = await listen(id, 'no number');
    expect(eventsIn(await whole.answer.text())).toEqual([events.at(-1)]);
  });

  test.each([
    ['goes away', 20],
    ['never comes to read', 5],
  ])('that %s leaves the job and the other listeners alone', async (what, count) => {
    const { id, release } = await heldBackup('crowd');
    const leaving = await Promise.all(Array.from({ length: count }, () => listen(id)));
    const staying = Array.from({ length: count }, () => jobsSeen(id));
    if (what === 'goes away') for (const { leave } of leaving) leave();
    release();
    const seen = await Promise.all(staying);
    expect(new Set(seen.map((jobs) => JSON.stringify(jobs.at(-1))))).toEqual(
      new Set([JSON.stringify(await it.client.job(id))]),
    );
    expect(seen[0]?.at(-1)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    for (const { leave } of leaving) leave();
    expect(it.log()).not.toMatch(/"level":(50|60)/);
  });
});

describe('of a job that has ended', () => {
  test.each(['SUCCEEDED', 'FAILED', 'CANCELLED'] as const)('%s: one event, and the end', async (state) => {
    const id = await {
      SUCCEEDED: async () => (await it.client.backup(archive('over'))).body.id,
      FAILED: async () => (await it.client.restore(archive('missing'))).body.id,
      CANCELLED: async () => {
        const { id: running, release } = await heldBackup('over');
        const { body: queued } = await it.client.backup(archive('over'), { wait: false });
        await it.client.cancel(queued.id);
        release();
        await it.client.ended(running);
        return queued.id;
      },
    }[state]();
    const job = await it.client.job(id);
    expect(job.state).toBe(state);
    const { answer } = await listen(id);
    expect(eventsIn(await answer.text())).toEqual([{ id: job.revision, job }]);
    const seen = await listen(id, String(job.revision));
    expect([seen.answer.status, await seen.answer.text()]).toEqual([204, '']);
  });
});

test('404: of a job that is not there', async () => {
  const answer = await exchange(it.url, { path: eventsPath('01999999-9999-7999-8999-999999999999') });
  expect(refusalOf(answer)).toMatchObject({ statusCode: 404, code: 'NOT_FOUND' });
});

test('a server that is told to stop ends the stream of a running job', async () => {
  const { id, release } = await heldBackup('stopped');
  const { answer } = await listen(id);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let stream = (await reader.read()).value ?? '';
  const stopped = it.stop();
  for (let next = await reader.read(); !next.done; next = await reader.read()) stream += next.value;
  const events = eventsIn(stream);
  expect(events[0]?.job.id).toBe(id);
  expect(events.every(({ job }) => job.endedAtMicros === null)).toBe(true);
  release();
  expect(await stopped).toBe(0);
});
