/** Disks that fill up under jobs over HTTP: the worker's spool, and the depot's folder. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  holdRetries,
  HttpFaultProxy,
  insideMounts,
  startSystem,
  TestProcess,
  withOwnMounts,
  type Answer,
  type Job,
  type JobError,
  type RunningSystem,
} from '@tidemark/testing';

import { WholeServer } from './whole-server.fixture.test.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

const MEGABYTE = 1024 * 1024;
const DISK_BYTES = 8 * MEGABYTE;

/** Text of half a MiB that no compression makes smaller, in each of so many documents. */
const putLarge = (it: RunningSystem, count: number): Promise<unknown> =>
  it.client.bulk(
    Array.from({ length: count }, (_, n) => [`/large/${n}`, { text: randomBytes(384 * 1024).toString('base64') }]),
  );

interface FailedOnce {
  readonly error: JobError;
  /** Lets the second attempt begin; the job as it ends. */
  readonly again: () => Promise<Job>;
}

/** A job that is to be tried again, as soon as its first attempt has failed. */
async function failedOnce(it: RunningSystem, ask: () => Promise<Answer<Job>>): Promise<FailedOnce> {
  const release = await holdRetries(it);
  const { id } = (await ask()).body;
  const { state, attempts } = await it.client.jobWhen(id, (job) => job.attempts.length === 1);
  expect(state).toBe('QUEUED');
  const error = attempts[0]?.error;
  if (!error) throw new Error('the attempt told no error');
  const again = async (): Promise<Job> => {
    await release();
    return await it.client.ended(id);
  };
  return { error, again };
}

/** It brings back what the index is now, after a change. */
async function expectWhole(it: RunningSystem, url: string): Promise<void> {
  const { hash } = await fingerprintOf(it);
  await it.client.put('/lost', { n: 1 });
  expect((await it.client.restore(url)).body).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  expect((await fingerprintOf(it)).hash).toBe(hash);
}

const secondAttempt = { state: 'SUCCEEDED', attempt: 2, attempts: [{ attempt: 1 }] };

const smallSpool = withOwnMounts(`
  mkdir -p "$TIDEMARK_HOME/spool"
  mount -t tmpfs -o size=${DISK_BYTES},nr_inodes=64 tmpfs "$TIDEMARK_HOME/spool"`);

/** Where nobody may mount a small file system this is counted as skipped. */
(smallSpool ? describe : describe.skip)('507: the spool', () => {
  let it: RunningSystem;
  let server: WholeServer;
  let old: Buffer;
  beforeAll(async () => {
    server = await new WholeServer().listen();
    it = await startSystem({
      within: smallSpool ?? [],
      settings: { TIDEMARK_HTTP_ALLOW: server.url, TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1' },
    });
    await it.client.put('/small', { n: 1 });
    expect((await it.client.backup(server.url)).status).toBe(200);
    old = server.stored;
    await putLarge(it, 8);
  });
  afterAll(async () => {
    await it.remove();
    await server.close();
  });
  afterEach(async () => {
    await makeRoom();
    await expectNothingSpooled();
  });

  const spool = (): string => insideMounts(it, join(it.home, 'spool'));
  const spooled = async (): Promise<string[]> => (await readdir(spool(), { recursive: true })).sort();
  /** The worker may be about to remove the folder of a restore: the job ends without it. */
  async function expectNothingSpooled(): Promise<void> {
    const watcher = watch(spool());
    for (
      let changed = once(watcher, 'change');
      (await readdir(spool())).length > 1;
      changed = once(watcher, 'change')
    ) {
      await changed;
    }
    watcher.close();
    expect(await spooled()).toEqual(['uploads']);
  }
  const inTheWay = (bytes: number): Promise<void> => writeFile(join(spool(), 'filler'), Buffer.alloc(bytes));
  async function makeRoom(): Promise<void> {
    for (const name of await readdir(spool())) {
      if (name.startsWith('filler')) await rm(join(spool(), name));
    }
  }
  /** Not one more file or folder fits. */
  async function fillWithNames(): Promise<void> {
    for (let n = 0; ; n++) {
      const made = await open(join(spool(), `filler-${n}`), 'wx').catch(() => undefined);
      if (!made) return;
      await made.close();
    }
  }
  const full = (phase: Job['phase']): object => ({
    code: 'SPOOL_FULL',
    phase,
    retriable: true,
    message: expect.stringContaining('TIDEMARK_SPOOL'),
  });

  test('has no room for the archive: nothing is sent, and the next attempt is whole', async () => {
    await inTheWay(6 * MEGABYTE);
    const { error, again } = await failedOnce(it, () => it.client.backup(server.url, { wait: false }));
    expect(error).toMatchObject(full('EXPORTING'));
    expect(error).not.toHaveProperty('destinationTouched');
    expect(server.stored).toBe(old);
    expect(await spooled()).toEqual(['filler', 'uploads']);
    await makeRoom();
    expect(await again()).toMatchObject(secondAttempt);
    await expectWhole(it, server.url);
  });

  test('has no room for what is read back: the archive is there already, and is not sent again', async () => {
    await it.client.put('/small', { n: 2 });
    await inTheWay(2 * MEGABYTE);
    const { error, again } = await failedOnce(it, () => it.client.backup(server.url, { wait: false }));
    expect(error).toMatchObject({ ...full('VERIFYING'), destinationTouched: true });
    const sent = server.stored;
    await makeRoom();
    expect(await again()).toMatchObject(secondAttempt);
    expect(server.stored).toBe(sent);
    await expectWhole(it, server.url);
  });

  test('has no room for a copy to restore from: the index stays, and the next attempt has it', async () => {
    expect((await it.client.backup(server.url)).status).toBe(200);
    const archived = await fingerprintOf(it);
    await it.client.put('/since', { n: 1 });
    const live = await fingerprintOf(it);
    await inTheWay(6 * MEGABYTE);
    const { error, again } = await failedOnce(it, () => it.client.restore(server.url, { wait: false }));
    expect(error).toMatchObject(full('DOWNLOADING'));
    expect(await fingerprintOf(it)).toEqual(live);
    expect(await spooled()).toEqual(['filler', 'uploads']);
    await makeRoom();
    expect(await again()).toMatchObject(secondAttempt);
    expect((await fingerprintOf(it)).hash).toBe(archived.hash);
  });

  test.each(['backup', 'restore'] as const)('has no room for the folder of a %s', async (operation) => {
    const before = server.stored;
    await fillWithNames();
    const { error, again } = await failedOnce(it, () => it.client[operation](server.url, { wait: false }));
    expect(error).toMatchObject(full(null));
    expect(server.stored).toBe(before);
    await makeRoom();
    expect(await again()).toMatchObject(secondAttempt);
  });
});

const smallDepot = withOwnMounts(`mount -t tmpfs -o size=${DISK_BYTES},mode=0700 tmpfs "$TIDEMARK_DEPOT_FOLDER"`);

(smallDepot ? describe : describe.skip)('507: the depot', () => {
  const CHUNK_BYTES = 64 * 1024;
  let folder: string;
  let depot: TestProcess;
  let proxy: HttpFaultProxy;
  let it: RunningSystem;
  let url: string;
  let old: Buffer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
    const settings = { TIDEMARK_DEPOT_FOLDER: folder, PORT: '0' };
    depot = await new TestProcess({ app: 'archive-depot', settings, within: smallDepot ?? [] }).start();
    proxy = await HttpFaultProxy.open(depot.url);
    url = proxy.urlOf(`${depot.url}/archives/a.zip`);
    it = await startSystem({
      settings: {
        TIDEMARK_HTTP_ALLOW: url,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
        TIDEMARK_CHUNK_BYTES: String(CHUNK_BYTES),
      },
    });
    await it.client.put('/small', { n: 1 });
    expect((await it.client.backup(url)).status).toBe(200);
    old = await stored();
    await putLarge(it, 8);
  });
  afterAll(async () => {
    await it.remove();
    await proxy.close();
    await depot.stop();
    await rm(folder, { recursive: true });
  });
  afterEach(async () => {
    await rm(place('filler'), { force: true });
    expect(proxy.failures).toEqual([]);
    expect(await shown()).toEqual(['a.zip']);
    expect(await uploads()).toEqual([]);
  });

  const place = (name = ''): string => insideMounts({ worker: depot }, join(folder, name));
  const inTheWay = (bytes: number): Promise<void> => writeFile(place('filler'), Buffer.alloc(bytes));
  const shown = async (): Promise<string[]> => (await readdir(place())).filter((name) => !name.endsWith('.coverage'));
  const stored = async (): Promise<Buffer> => Buffer.from(await (await fetch(url)).arrayBuffer());
  const uploads = (): Promise<string[]> => readdir(join(it.home, 'spool/uploads'));
  const chunksSent = (): number[] =>
    proxy.seen
      .filter(({ request }) => request.method === 'PUT')
      .map(({ request }) => (request.range?.start ?? NaN) / CHUNK_BYTES);
  const full = { code: 'DESTINATION_FULL', phase: 'UPLOADING', retriable: true };

  test('has no room for the archive: the old one stays, and nothing of the new one', async () => {
    await inTheWay(6 * MEGABYTE);
    const { error, again } = await failedOnce(it, () => it.client.backup(url, { wait: false }));
    expect(error).toMatchObject(full);
    expect((await stored()).equals(old)).toBe(true);
    expect((await shown()).sort()).toEqual(['a.zip', 'filler']);
    await rm(place('filler'));
    expect(await again()).toMatchObject(secondAttempt);
    await expectWhole(it, url);
  });

  test('fills up in the middle: the old one stays, and the next attempt sends what is missing', async () => {
    old = await stored();
    await it.client.put('/small', { n: 2 });
    proxy.give(async ({ method, range }) => {
      if (method === 'PUT' && range?.start === CHUNK_BYTES) await inTheWay(DISK_BYTES).catch(() => undefined);
      return undefined;
    });
    const { error, again } = await failedOnce(it, () => it.client.backup(url, { wait: false }));
    expect(error).toMatchObject(full);
    expect(error).not.toHaveProperty('destinationTouched');
    expect((await stored()).equals(old)).toBe(true);
    expect(chunksSent()).toContain(0);
    proxy.give(() => undefined);
    await rm(place('filler'));
    expect(await again()).toMatchObject(secondAttempt);
    expect(chunksSent()).toContain(1);
    expect(chunksSent()).not.toContain(0);
    await expectWhole(it, url);
  });
});
