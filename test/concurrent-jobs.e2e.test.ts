import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  folderWhen,
  holdLocks,
  PostgresProxy,
  startSystem,
  unusedGenerations,
  type HeldConnections,
  type HeldLocks,
  type Job,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Jobs side by side: what goes on together, and what waits for its turn (docs/adr/0007). */
let proxy: PostgresProxy;
let it: RunningSystem;
beforeAll(async () => {
  proxy = await PostgresProxy.open();
  it = await startSystem({ proxy });
});
afterAll(async () => {
  await it.remove();
  await proxy.close();
});
beforeEach(() =>
  it.client.bulk(Array.from({ length: 300 }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(50) }])),
);

const archive = (name: string): string => `file:${it.archives}/${name}.zip`;
const archiveNames = async (folder = ''): Promise<string[]> => (await readdir(join(it.archives, folder))).sort();
const queued = async (job: ReturnType<RunningSystem['client']['backup']>): Promise<string> => (await job).body.id;
const backup = (name: string): Promise<string> => queued(it.client.backup(archive(name), { wait: false }));
const restore = (name: string): Promise<string> => queued(it.client.restore(archive(name), { wait: false }));

/** Backups stop where they read their first rows, restores where they load theirs. */
const holdBackups = (): HeldConnections => proxy.hold('tidemark-part', 'TO STDOUT');
const holdRestores = (): HeldConnections => proxy.hold('tidemark-part', 'FROM STDIN');

/** As a write transaction holds it: 71de0001 is the class of the writers' lock, its key the index. */
const holdWritersLock = (): Promise<HeldLocks> =>
  holdLocks(it.databaseUrl, "SELECT pg_advisory_xact_lock_shared(x'71de0001'::int, id) FROM catalog.index");

const ended = (...ids: string[]): Promise<Job[]> => Promise.all(ids.map((id) => it.client.ended(id)));

function expectOneAfterTheOther(jobs: readonly Job[]): void {
  for (const [n, job] of jobs.entries()) {
    expect(job).toMatchObject({ state: 'SUCCEEDED' });
    const before = jobs[n - 1];
    if (before) expect(job.startedAtMicros).toBeGreaterThanOrEqual(before.endedAtMicros ?? Infinity);
  }
}

/** The content of an archive, as a restore brings it. */
async function hashIn(name: string): Promise<string> {
  expect((await it.client.restore(archive(name))).status).toBe(200);
  return (await fingerprintOf(it)).hash;
}

describe('backups', () => {
  test('to one destination run one after the other, in the order of their creation, each whole', async () => {
    const held = holdBackups();
    const first = await backup('shared');
    await held.reached;
    const others = [await backup('shared'), await backup('shared')];
    for (const id of others) expect(await it.client.job(id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
    await it.client.put('/kept/0', { n: 'while the first runs' });
    held.release();
    const jobs = await ended(first, ...others);
    expectOneAfterTheOther(jobs);
    expect(jobs.map(({ result }) => result)).toMatchObject([
      { documents: 300 },
      { documents: 300 },
      { documents: 300 },
    ]);
    const { hash } = await fingerprintOf(it);
    expect(await hashIn('shared')).toBe(hash);
  });

  test('to one file spelled in two ways are to one destination', async () => {
    const held = holdBackups();
    const first = await backup('spelled');
    await held.reached;
    const second = await queued(it.client.backup(`file://${it.archives}/sp%65lled.zip`, { wait: false }));
    expect((await it.client.job(second)).state).toBe('QUEUED');
    held.release();
    expectOneAfterTheOther(await ended(first, second));
  });

  test('to many destinations at once are all made, each whole', async () => {
    const names = Array.from({ length: 6 }, (_, n) => `many-${n}`);
    const jobs = await ended(...(await Promise.all(names.map(backup))));
    expect(jobs.map(({ state }) => state)).toEqual(names.map(() => 'SUCCEEDED'));
    const { hash } = await fingerprintOf(it);
    for (const name of names) expect(await hashIn(name)).toBe(hash);
  });

  test('one that was cancelled in the queue never ran, and those behind it move up', async () => {
    const held = holdBackups();
    const first = await backup('queue');
    await held.reached;
    const [second, third] = [await backup('queue'), await backup('queue')];
    expect((await it.client.cancel(second)).body).toMatchObject({
      state: 'CANCELLED',
      attempt: 0,
      startedAtMicros: null,
    });
    held.release();
    expectOneAfterTheOther(await ended(first, third));
    expect(await it.client.job(second)).toMatchObject({ state: 'CANCELLED', attempt: 0, startedAtMicros: null });
  });

  test('one that is cancelled while it runs makes way for the next', async () => {
    const held = holdBackups();
    const first = await backup('way');
    await held.reached;
    const second = await backup('way');
    await it.client.cancel(first);
    held.release();
    const jobs = await ended(first, second);
    expect(jobs.map(({ state }) => state)).toEqual(['CANCELLED', 'SUCCEEDED']);
    expect(jobs[1]?.startedAtMicros).toBeGreaterThanOrEqual(jobs[0]?.endedAtMicros ?? Infinity);
    expect((await archiveNames()).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('one that is to be tried again keeps its place', async () => {
    const held = holdBackups();
    const first = await backup('sub/place');
    await held.reached;
    const second = await backup('sub/place');
    await rm(join(it.archives, 'sub'), { recursive: true });
    held.release();
    const jobs = await ended(first, second);
    expectOneAfterTheOther(jobs);
    expect(jobs.map(({ attempt }) => attempt)).toEqual([2, 1]);
    expect(await archiveNames('sub')).toEqual(['place.zip']);
  });
});

describe('restores', () => {
  test('of one index run one after the other, in the order of their creation', async () => {
    for (const name of ['a', 'b', 'c']) {
      await it.client.put('/kept/0', { name });
      await it.client.backup(archive(name));
    }
    const held = holdRestores();
    const first = await restore('a');
    await held.reached;
    const others = [await restore('b'), await restore('c')];
    for (const id of others) expect((await it.client.job(id)).state).toBe('QUEUED');
    held.release();
    expectOneAfterTheOther(await ended(first, ...others));
    expect((await it.client.call('GET', '/kept/0')).body).toMatchObject({ name: 'c' });
  });

  test('one that fails makes way for the next', async () => {
    await it.client.backup(archive('good'));
    const held = holdRestores();
    const first = await restore('good');
    await held.reached;
    const [second, third] = [await restore('missing'), await restore('good')];
    held.release();
    const jobs = await ended(first, second, third);
    expect(jobs.map(({ state }) => state)).toEqual(['SUCCEEDED', 'FAILED', 'SUCCEEDED']);
    expect(jobs[2]?.startedAtMicros).toBeGreaterThanOrEqual(jobs[1]?.endedAtMicros ?? Infinity);
  });

  test('one whose switch is kept out by a writer for too long is switched when the writer has ended', async () => {
    await it.client.backup(archive('busy'));
    await it.client.put('/kept/0', { n: 'since' });
    const locks = await holdWritersLock();
    const id = await restore('busy');
    const waiting = await it.client.jobWhen(id, ({ attempts }) => attempts.length > 0);
    expect(waiting).toMatchObject({
      state: 'FINISHING',
      attempts: [{ error: { code: 'SWITCH_BUSY', retriable: true } }],
    });
    expect((await it.client.call('GET', '/kept/0')).body).toMatchObject({ n: 'since' });
    await locks.end();
    expect((await it.client.ended(id)).state).toBe('SUCCEEDED');
    expect((await it.client.call('GET', '/kept/0')).body).toMatchObject({ n: 0 });
  });
});

describe('a restore and a backup', () => {
  test('a restore beside a backup: the archive holds the index from before, even when its generation was replaced twice', async () => {
    const before = await fingerprintOf(it);
    await it.client.backup(archive('earlier'));
    const held = holdBackups();
    const slow = await backup('slow');
    await held.reached;
    for (const n of [1, 2]) {
      expect((await it.client.restore(archive('earlier'))).status).toBe(200);
      await it.client.put(`/kept/${n}`, { n: 'after the restore' });
    }
    expect((await it.client.job(slow)).state).toBe('RUNNING');
    expect((await fingerprintOf(it)).hash).not.toBe(before.hash);
    held.release();
    expect(await it.client.ended(slow)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: { documents: 300 } });
    expect(await hashIn('slow')).toBe(before.hash);
  });

  test('a backup beside a restore: its archive holds the live index, and the restore goes on', async () => {
    await it.client.put('/kept/0', { n: 'earlier' });
    await it.client.backup(archive('earlier'));
    const earlier = await fingerprintOf(it);
    await it.client.put('/kept/0', { n: 'live' });
    const live = await fingerprintOf(it);
    const held = holdRestores();
    const slow = await restore('earlier');
    await held.reached;
    expect(await it.client.backup(archive('live'))).toMatchObject({ status: 200, body: { attempt: 1 } });
    expect((await it.client.job(slow)).state).toBe('RUNNING');
    expect(await fingerprintOf(it)).toEqual(live);
    held.release();
    expect(await it.client.ended(slow)).toMatchObject({ state: 'SUCCEEDED', result: { versionsLeftBehind: 1 } });
    expect((await fingerprintOf(it)).hash).toBe(earlier.hash);
    expect(await hashIn('live')).toBe(live.hash);
  });

  test('of one file: each sees a whole archive, the old one or the new one', async () => {
    await it.client.backup(archive('same'));
    const old = await fingerprintOf(it);
    await it.client.put('/kept/0', { n: 'newer' });
    const held = holdRestores();
    const restoring = await restore('same');
    await held.reached;
    expect((await it.client.backup(archive('same'))).status).toBe(200);
    held.release();
    expect((await it.client.ended(restoring)).state).toBe('SUCCEEDED');
    expect((await fingerprintOf(it)).hash).toBe(old.hash);
    expect(await hashIn('same')).not.toBe(old.hash);
  });
});

test('none of all this left anything behind', async () => {
  expect((await archiveNames()).filter((name) => name.startsWith('.'))).toEqual([]);
  await folderWhen(join(it.home, 'spool'), (names) => names.length === 0); // the last job may end before its folder goes
  expect((await unusedGenerations(it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
});
