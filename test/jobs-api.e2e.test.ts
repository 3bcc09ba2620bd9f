import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  exchange,
  holdChanges,
  PostgresProxy,
  refusalOf,
  startSystem,
  type Job,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Jobs as callers see them: one of them, lists of them, and how they are cancelled. */
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

interface List {
  readonly documentLinks: string[];
  readonly documents: Record<string, Job>;
  readonly documentCount: number;
  readonly nextPageLink?: string;
}

const JOBS = '/core/management/jobs';
const NOBODY = '01999999-9999-7999-8999-999999999999';
const archive = (name: string): string => `file:${it.archives}/${name}.zip`;
const list = async (query = ''): Promise<List> => (await it.client.call<List>('GET', `${JOBS}${query}`)).body;

/** A backup that runs and gets no further, until it is released. */
async function heldBackup(name: string): Promise<{ id: string; release: () => void }> {
  const held = proxy.hold('tidemark-part');
  const { body } = await it.client.backup(archive(name), { wait: false });
  await held.reached;
  return { id: body.id, release: () => held.release() };
}

describe('a job', () => {
  test('of a backup: as it is accepted, and as it ends', async () => {
    const { status, body, headers } = await it.client.backup(archive('one'), { wait: false });
    expect([status, headers.get('location')]).toEqual([202, `${JOBS}/${body.id}`]);
    expect(body).toEqual({
      documentSelfLink: `${JOBS}/${body.id}`,
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      operation: 'BACKUP',
      state: 'QUEUED',
      phase: null,
      attempt: 0,
      revision: 1,
      request: {
        kind: BACKUP_KIND,
        destination: archive('one'),
        backupType: 'ZIP',
        indexServiceLink: '/core/document-index',
      },
      progress: null,
      createdAtMicros: expect.any(Number),
      startedAtMicros: null,
      endedAtMicros: null,
      result: null,
      undone: false,
      error: null,
      attempts: [],
      warnings: [],
    });
    const ended = await it.client.ended(body.id);
    expect(ended).toMatchObject({
      state: 'SUCCEEDED',
      phase: null,
      attempt: 1,
      createdAtMicros: body.createdAtMicros,
      result: { documents: 1, versions: 1, verified: 'EVERY_PART' },
      error: null,
      attempts: [],
    });
    const { createdAtMicros, startedAtMicros, endedAtMicros } = ended;
    expect(startedAtMicros).toBeGreaterThanOrEqual(createdAtMicros);
    expect(endedAtMicros).toBeGreaterThan(startedAtMicros ?? Infinity);
    expect(await it.client.job(body.id)).toEqual(ended);
    expect((await list()).documents[ended.documentSelfLink]).toEqual(ended);
  });

  test('while it runs says where it is', async () => {
    const { id, release } = await heldBackup('running');
    const running = await it.client.jobWhen(id, ({ phase }) => phase === 'EXPORTING');
    expect(running).toMatchObject({
      state: 'RUNNING',
      attempt: 1,
      progress: { versionsDone: 0, bytesDone: 0 },
      result: null,
      endedAtMicros: null,
    });
    release();
    expect((await it.client.ended(id)).state).toBe('SUCCEEDED');
  });

  test.each([
    ['GET', NOBODY],
    ['GET', 'x'],
    ['DELETE', NOBODY],
    ['DELETE', 'x'],
    ['GET', `${NOBODY}/events`],
  ])('404: %s %s', async (method, id) => {
    const error = refusalOf(await exchange(it.url, { method, path: `${JOBS}/${id}` }));
    expect(error).toMatchObject({ statusCode: 404, code: 'NOT_FOUND', message: `job ${id.split('/')[0]} not found` });
  });
});

describe('a list', () => {
  test('is newest first, page by page, whatever is created meanwhile', async () => {
    for (let n = 0; n < 5; n++) await it.client.backup(archive(`listed-${n}`));
    await it.client.restore(archive('listed-0'));
    const whole = await list();
    expect(whole.documentLinks.length).toBeGreaterThanOrEqual(6);
    expect(Object.keys(whole.documents).sort()).toEqual([...whole.documentLinks].sort());
    const seen: string[] = [];
    for (let next: string | undefined = '?$limit=4'; next !== undefined;) {
      const page: List = await list(next);
      expect([page.documentCount, Object.keys(page.documents).length]).toEqual([
        page.documentLinks.length,
        page.documentLinks.length,
      ]);
      if (page.nextPageLink !== undefined) expect(page.documentCount).toBe(4);
      seen.push(...page.documentLinks);
      await it.client.backup(archive('meanwhile'));
      next = page.nextPageLink?.slice(JOBS.length);
    }
    expect(seen).toEqual(whole.documentLinks);
    const created = seen.map((link) => whole.documents[link]?.createdAtMicros ?? 0);
    expect(created).toEqual([...created].sort((a, b) => b - a));
  });

  test('can be of some states and of one operation, also over pages', async () => {
    await it.client.restore(archive('missing'));
    const operations = async (query: string): Promise<Set<string>> =>
      new Set(Object.values((await list(query)).documents).map(({ operation, state }) => `${operation} ${state}`));
    expect(await operations('?operation=RESTORE')).toEqual(new Set(['RESTORE SUCCEEDED', 'RESTORE FAILED']));
    expect(await operations('?state=FAILED')).toEqual(new Set(['RESTORE FAILED']));
    expect(await operations('?state=FAILED,SUCCEEDED&operation=BACKUP')).toEqual(new Set(['BACKUP SUCCEEDED']));
    expect(await operations('?state=RUNNING&state=FAILED')).toEqual(new Set(['RESTORE FAILED']));
    expect(await operations('?state=QUEUED')).toEqual(new Set());
    const first = await list('?operation=RESTORE&$limit=1');
    const second = await list(first.nextPageLink?.slice(JOBS.length));
    expect(Object.values(second.documents).map(({ operation }) => operation)).toEqual(['RESTORE']);
    expect(second.documentLinks).not.toEqual(first.documentLinks);
  });

  test.each([
    ['?$limit=0', '$limit must be a whole number from 1 to 1000'],
    ['?$limit=1001', '$limit must be a whole number from 1 to 1000'],
    ['?$limit=1.5', '$limit must be a whole number from 1 to 1000'],
    ['?$limit=1&$limit=2', '$limit is given more than once'],
    ['?$page=-1', '$page must be a whole number from 1 to 9007199254740991'],
    ['?state=DONE', 'state must be of QUEUED, RUNNING, FINISHING, CANCELLING, SUCCEEDED, FAILED, CANCELLED'],
    ['?operation=backup', 'operation must be BACKUP or RESTORE'],
  ])('400: %s', async (query, message) => {
    const error = refusalOf(await exchange(it.url, { path: `${JOBS}${query}` }));
    expect(error).toMatchObject({ statusCode: 400, code: 'PARAMETER_INVALID', message });
  });
});

describe('DELETE', () => {
  const refusedCancel = async (id: string): ReturnType<typeof exchange> =>
    exchange(it.url, { method: 'DELETE', path: `${JOBS}/${id}` });

  test('of a queued job ends it at once, and the one before it goes on', async () => {
    const { id, release } = await heldBackup('queue');
    const { body: queued } = await it.client.backup(archive('queue'), { wait: false });
    const cancelled = await it.client.cancel(queued.id);
    expect(cancelled).toMatchObject({
      status: 202,
      body: { id: queued.id, state: 'CANCELLED', attempt: 0, startedAtMicros: null, result: null, error: null },
    });
    expect((await it.client.job(id)).state).toBe('RUNNING');
    release();
    expect((await it.client.ended(id)).state).toBe('SUCCEEDED');
    expect(await it.client.job(queued.id)).toEqual(cancelled.body);
  });

  test('of a running restore stops it: the index is as it was, and another restore can be made', async () => {
    await it.client.backup(archive('before'));
    await it.client.put('/kept/a', { n: 'since' });
    const held = proxy.hold('tidemark-part', 'FROM STDIN');
    const { body } = await it.client.restore(archive('before'), { wait: false });
    await held.reached;
    expect(await it.client.cancel(body.id)).toMatchObject({ status: 202, body: { state: 'CANCELLING' } });
    held.release();
    expect(await it.client.ended(body.id)).toMatchObject({ state: 'CANCELLED', attempt: 1, error: null });
    expect((await it.client.call('GET', '/kept/a')).body).toMatchObject({ n: 'since' });
    expect((await it.client.restore(archive('before'))).status).toBe(200);
    expect((await it.client.call('GET', '/kept/a')).body).toMatchObject({ n: 1 });
  });

  test('twice is as good as once', async () => {
    const { id, release } = await heldBackup('twice');
    const both = await Promise.all([it.client.cancel(id), it.client.cancel(id)]);
    expect(both.map(({ status }) => status)).toEqual([202, 202]);
    expect((await it.client.ended(id)).state).toBe('CANCELLED');
    release();
  });

  test('409: of a job that is finishing, which then succeeds', async () => {
    const held = await holdChanges(it, 'UPDATE ON jobs.job', `OLD.state = 'FINISHING'`);
    const { body } = await it.client.backup(archive('finishing'), { wait: false });
    await held.reached();
    expect(refusalOf(await refusedCancel(body.id))).toMatchObject({
      statusCode: 409,
      code: 'JOB_FINISHING',
      message: 'the job is finishing and can no longer be cancelled',
      details: { jobId: body.id },
    });
    await held.release();
    expect((await it.client.ended(body.id)).state).toBe('SUCCEEDED');
  });

  test.each(['SUCCEEDED', 'FAILED', 'CANCELLED'] as const)(
    '409: of a job that is %s, and it stays so',
    async (state) => {
      const made = {
        SUCCEEDED: async () => (await it.client.backup(archive('over'))).body,
        FAILED: async () => (await it.client.restore(archive('missing'))).body,
        CANCELLED: async () => {
          const { id, release } = await heldBackup('over');
          await it.client.cancel(id);
          const ended = await it.client.ended(id);
          release();
          return ended;
        },
      };
      const job = await made[state]();
      expect(job.state).toBe(state);
      expect(refusalOf(await refusedCancel(job.id))).toMatchObject({
        statusCode: 409,
        code: 'JOB_ENDED',
        message: `the job has ended: it is ${state}`,
        details: { jobId: job.id, state },
      });
      expect(await it.client.job(job.id)).toEqual(job);
    },
  );
});
