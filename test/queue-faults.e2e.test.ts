import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  Bystander,
  brokerIsThere,
  PostgresProxy,
  startServices,
  type Answer,
  type Job,
  type RunningServices,
} from '@tidemark/testing';

import { untilAtRest } from './bystander.fixture.test.js';
import {
  NO_JSON_MESSAGE,
  NO_PROGRESS,
  NO_SETTLED,
  SECRET,
  wrongRequests,
  type Garbage,
} from './queue-garbage.fixture.test.js';
import { readinessOf } from './readiness.fixture.test.js';
import { ToldJobs } from './told-jobs.fixture.test.js';

jest.setTimeout(60_000); // processes are started, and the sweep is waited for

const whereItIs = brokerIsThere() ? describe : describe.skip;
const QUEUES = ['tidemark.requests', 'tidemark.jobs.backup', 'tidemark.jobs.restore', 'tidemark.reports'] as const;

/** What anybody at the broker can do to the queues: the system comes to rest with the right outcome. */
whereItIs('queues', () => {
  let proxy: PostgresProxy;
  let it: RunningServices;
  let bystander: Bystander;
  let told: ToldJobs;
  beforeAll(async () => {
    proxy = await PostgresProxy.open();
    it = await startServices({ proxy });
    bystander = await Bystander.open(it.services);
    told = await ToldJobs.of(bystander);
    await it.client.put('/kept/a', { n: 1 });
    expect((await it.client.backup(archive('before'))).status).toBe(200);
  });
  afterAll(async () => {
    await bystander.close();
    await it.remove();
    await proxy.close();
  });

  const archive = (name: string): string => `file:${it.archives}/${name}.zip`;
  const backUp = (name: string): Promise<Answer<Job>> => it.client.backup(archive(name), { wait: false });
  const restore = (): Promise<Answer<Job>> => it.client.restore(archive('before'), { wait: false });
  const ring = (queue: 'backup' | 'restore', jobId: string): Promise<void> =>
    bystander.publish('tidemark.jobs', queue, { body: JSON.stringify({ jobId }) });

  /** One attempt, and the world has been told once. */
  async function expectRunOnce(...ids: string[]): Promise<void> {
    for (const id of ids)
      expect(await it.client.ended(id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    const { body: last } = await it.client.backup(archive('last'));
    for (const id of [...ids, last.id])
      expect(await told.keysOf(id)).toEqual([expect.stringMatching(/^job\.\w+\.succeeded$/)]);
  }

  /** Everybody is up, subscribed and ready; no message waits, and nobody has anything more to complain of. */
  async function expectRest(): Promise<void> {
    for (const queue of QUEUES) await untilAtRest(bystander, queue);
    for (const process of it.processes) expect(await readinessOf(process)).toMatchObject({ status: 200 });
    expect(await bystander.stateOf('tidemark.dead')).toMatchObject({ messages: 0 });
  }

  describe('that are deleted', () => {
    test.each(QUEUES)('as jobs are asked for: %s', async (queue) => {
      await bystander.deleteQueue(queue);
      const asked = await Promise.all([backUp('a'), restore(), backUp('b')]);
      await expectRunOnce(...asked.map(({ body }) => body.id));
      await expectRest();
    });

    test('all of them in the middle of a job: they are made again, and it ends', async () => {
      const held = proxy.hold('tidemark-part', 'ctid');
      const { body: running } = await backUp('a');
      await held.reached;
      for (const queue of QUEUES) await bystander.deleteQueue(queue);
      const { body: meanwhile } = await restore();
      expect((await it.client.ended(meanwhile.id)).state).toBe('SUCCEEDED');
      held.release();
      await expectRunOnce(running.id, meanwhile.id);
      await expectRest();
    });
  });

  test('that nothing leads to: a job waits, and the way is made again', async () => {
    const { channel } = bystander;
    await channel.unbindQueue(
      bystander.atBroker('tidemark.jobs.backup'),
      bystander.atBroker('tidemark.jobs'),
      'backup',
    );
    const { status, body } = await backUp('a');
    expect([status, body.state]).toEqual([202, 'QUEUED']);
    await expectRunOnce(body.id);
    await expectRest();
  });

  describe('doorbells', () => {
    test('that ring ten times at once, on either queue, are one attempt', async () => {
      const held = proxy.hold('tidemark-part', 'ctid');
      const { body: job } = await backUp('a');
      await Promise.all(Array.from({ length: 10 }, (_, n) => ring(n % 2 ? 'backup' : 'restore', job.id)));
      await held.reached;
      await Promise.all(Array.from({ length: 10 }, () => ring('restore', job.id)));
      held.release();
      await expectRunOnce(job.id);
      await expectRest();
    });

    test('for a job that nobody knows, or that has ended, do nothing', async () => {
      const { body: ended } = await it.client.backup(archive('a'));
      for (const id of [randomUUID(), randomUUID(), ended.id, ended.id]) {
        await ring('backup', id);
        await ring('restore', id);
      }
      const asked = await Promise.all([backUp('b'), restore()]);
      await expectRunOnce(ended.id, ...asked.map(({ body }) => body.id));
      expect(await it.client.job(ended.id)).toEqual(ended);
      await expectRest();
    });
  });

  describe('reports', () => {
    const CANCELLED = { state: 'CANCELLED' };
    const FAILED = { state: 'FAILED', error: { code: 'INTERNAL', message: 'x', phase: null, retriable: false } };
    const report = (key: 'progress' | 'settled', fields: object): Promise<void> =>
      bystander.publish('tidemark.reports', key, { body: JSON.stringify(fields) });

    test('of a job that nobody knows, of another attempt, and of a job that has ended change nothing', async () => {
      const { body: ended } = await it.client.backup(archive('a'));
      const held = proxy.hold('tidemark-part', 'ctid');
      const { body: running } = await backUp('b');
      await held.reached;
      const figures = { versionsDone: Number.MAX_SAFE_INTEGER, versionsTotal: 0, bytesDone: 0, bytesTotal: 0 };
      const progress = { ...figures, percent: 0, versionsPerSecond: 1e300, etaSeconds: 1e300 };
      for (const [jobId, fence] of [
        [randomUUID(), 1],
        [running.id, 9],
        [ended.id, 1],
      ]) {
        await report('progress', { jobId, fence, serial: 1000, phase: 'SWITCHING', progress });
        for (const outcome of [CANCELLED, FAILED]) await report('settled', { jobId, fence, outcome });
      }
      await report('progress', { jobId: running.id, fence: 1, serial: 1000, phase: 'EXPORTING', progress });
      await it.client.jobWhen(running.id, (job) => job.progress?.versionsDone === Number.MAX_SAFE_INTEGER);
      held.release();
      await expectRunOnce(ended.id, running.id);
      expect(await it.client.job(ended.id)).toEqual(ended);
      await expectRest();
    });
  });

  describe('garbage is a dead letter that says why, and shows no secret', () => {
    const CASES: readonly [
      name: string,
      queue: string,
      way: readonly [Way, string],
      garbage: () => readonly Garbage[],
    ][] = [
      ['doorbells of backups', 'tidemark.jobs.backup', ['tidemark.jobs', 'backup'], () => NO_JSON_MESSAGE],
      ['doorbells of restores', 'tidemark.jobs.restore', ['tidemark.jobs', 'restore'], () => NO_JSON_MESSAGE],
      ['progress', 'tidemark.reports', ['tidemark.reports', 'progress'], () => [...NO_JSON_MESSAGE, ...NO_PROGRESS]],
      ['outcomes', 'tidemark.reports', ['tidemark.reports', 'settled'], () => [...NO_JSON_MESSAGE, ...NO_SETTLED]],
      ['requests', 'tidemark.requests', ['tidemark.requests', 'request'], () => wrongRequests(archive('never'))],
    ];

    test.each(CASES)('%s', async (_name, queue, [exchange, key], cases) => {
      // One after the other: a queue's messages are worked on several at a time, so letters have no order.
      for (const [, message, reason] of cases()) {
        await bystander.publish(exchange, key, message);
        const [letter] = await bystander.take('tidemark.dead', 1);
        const { body = '', headers = {} } = letter ?? {};
        expect(headers['x-tidemark-reason']).toEqual(expect.stringMatching(reason));
        expect(headers['x-tidemark-queue']).toBe(queue);
        expect(body).not.toContain(SECRET);
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(1024);
      }
      const asked = await Promise.all([backUp('a'), restore()]);
      await expectRunOnce(...asked.map(({ body }) => body.id));
      await expectRest();
    });

    test('and a request after it becomes a job', async () => {
      const body = JSON.stringify({ kind: BACKUP_KIND, destination: archive('asked') });
      const before = await jobIds();
      await bystander.publish('tidemark.requests', 'request', { body, messageId: randomUUID() });
      for (;;) {
        const [id] = (await jobIds()).filter((each) => !before.includes(each));
        if (id === undefined) continue;
        await expectRunOnce(id);
        break;
      }
      await expectRest();
    });
  });

  async function jobIds(): Promise<string[]> {
    const { body } = await it.client.call<{ documentLinks: string[] }>('GET', '/core/management/jobs?$limit=1000');
    return body.documentLinks.map((link) => link.slice(link.lastIndexOf('/') + 1));
  }
});

type Way = Parameters<Bystander['publish']>[0];
