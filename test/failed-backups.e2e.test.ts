import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  holdChanges,
  holdRetries,
  insideMounts,
  PostgresProxy,
  startSystem,
  withOwnMounts,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** A backup that fails, however it does, leaves the older archive of that name as it was. */

const tempsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('.'));

describe('broken off', () => {
  let proxy: PostgresProxy;
  let it: RunningSystem;
  let old: Buffer;
  beforeAll(async () => {
    proxy = await PostgresProxy.open();
    it = await startSystem({ proxy });
    await it.client.put('/old/a', { n: 1 });
  });
  afterAll(async () => {
    await it.remove();
    await proxy.close();
  });

  const destination = (): string => `file:${it.archives}/sub/a.zip`;
  const archive = (): string => join(it.archives, 'sub/a.zip');
  beforeEach(async () => {
    await it.client.backup(destination());
    old = await readFile(archive());
    await it.client.put('/old/a', { n: 2 });
  });

  /** A backup that has begun to write, and gets no further. */
  async function begun(): Promise<{ id: string; release: () => void }> {
    const held = proxy.hold('tidemark-part');
    const { body } = await it.client.backup(destination(), { wait: false });
    await held.reached;
    expect(await tempsIn(join(it.archives, 'sub'))).toEqual([`.a.zip.${body.id}.1.part`]);
    return { id: body.id, release: () => held.release() };
  }

  test('by who asked for it: the temp is gone, the archive is the old one, the index was not touched', async () => {
    const before = await fingerprintOf(it);
    const { id, release } = await begun();
    const asked = await it.client.call('DELETE', `/core/management/jobs/${id}`);
    expect(asked).toMatchObject({ status: 202, body: { state: 'CANCELLING' } });
    expect(await it.client.ended(id)).toMatchObject({ state: 'CANCELLED', phase: null, result: null, error: null });
    release();
    expect(await readdir(join(it.archives, 'sub'))).toEqual(['a.zip']);
    expect((await readFile(archive())).equals(old)).toBe(true);
    expect(await fingerprintOf(it)).toEqual(before);
    expect((await it.client.restore(destination())).status).toBe(200);
  });

  test('by the folder that goes away: tried again, in a new one', async () => {
    const { id, release } = await begun();
    await rm(join(it.archives, 'sub'), { recursive: true });
    release();
    const job = await it.client.ended(id);
    expect(job).toMatchObject({
      state: 'SUCCEEDED',
      attempt: 2,
      attempts: [{ attempt: 1, error: { code: 'DELIVERY_LOST', retriable: true } }],
    });
    expect(await readdir(join(it.archives, 'sub'))).toEqual(['a.zip']);
  });

  test('by who takes the finished temp away before it gets its name', async () => {
    const held = await holdChanges(it, 'UPDATE ON jobs.job', `NEW.state = 'FINISHING' AND OLD.state <> 'FINISHING'`);
    const answered = it.client.backup(destination());
    await held.reached();
    const [temp = ''] = await tempsIn(join(it.archives, 'sub'));
    await rm(join(it.archives, 'sub', temp));
    await held.release();
    const { status, body } = await answered;
    expect(status).toBe(502);
    expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error: { code: 'DELIVERY_LOST', phase: 'DELIVERING' } });
    expect((await readFile(archive())).equals(old)).toBe(true);
  });
});

const within = withOwnMounts(`
  archives=$TIDEMARK_HOME/archives
  mkdir -p "$archives" "$TIDEMARK_HOME/spool"
  mount -t tmpfs -o size=8m tmpfs "$archives"
  mkdir "$archives/readonly"
  mount -t tmpfs -o ro,size=64k tmpfs "$archives/readonly"
  mount -t tmpfs -o size=1m tmpfs "$TIDEMARK_HOME/spool"`);

/** Where nobody may mount a small file system this is counted as skipped. */
(within ? describe : describe.skip)('without room, or without leave (needs user namespaces)', () => {
  let it: RunningSystem;
  beforeAll(async () => {
    it = await startSystem({ within: within ?? [], settings: { TIDEMARK_PART_BYTES: String(64 * 1024 * 1024) } });
    await it.client.put('/old/a', { n: 1 });
  });
  afterAll(() => it.remove());

  const destination = (name = 'a.zip'): string => `file:${it.archives}/${name}`;
  const place = (name = ''): string => insideMounts(it, join(it.archives, name));
  /** Documents of 1 MiB, less a little, that no compression makes smaller than three quarters. */
  const putLarge = (prefix: string, count: number): Promise<unknown> =>
    it.client.bulk(
      Array.from({ length: count }, (_, n) => [`/${prefix}/${n}`, { text: randomBytes(780_000).toString('base64') }]),
    );

  test('507: a full destination keeps the old archive; the next attempt succeeds once there is room', async () => {
    await it.client.backup(destination());
    const old = await readFile(place('a.zip'));
    await putLarge('large', 4);
    await writeFile(place('filler'), Buffer.alloc(6 * 1024 * 1024));
    const retry = await holdRetries(it);
    const { body } = await it.client.backup(destination(), { wait: false });
    const failed = await it.client.jobWhen(body.id, ({ attempts }) => attempts.length === 1);
    expect(failed).toMatchObject({
      state: 'QUEUED',
      error: null,
      attempts: [{ attempt: 1, error: { code: 'DESTINATION_FULL', retriable: true } }],
    });
    expect((await readFile(place('a.zip'))).equals(old)).toBe(true);
    expect(await tempsIn(place())).toEqual([]);
    await rm(place('filler'));
    await retry();
    const job = await it.client.ended(body.id);
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 2, attempts: [{ attempt: 1 }] });
    expect((await readFile(place('a.zip'))).length).toBeGreaterThan(3_000_000);
    expect((await it.client.restore(destination())).status).toBe(200);
  });

  test('502: a destination that is read-only', async () => {
    const { status, body } = await it.client.backup(destination('readonly/a.zip'));
    expect(status).toBe(502);
    expect(body).toMatchObject({
      state: 'FAILED',
      attempt: 1,
      error: { code: 'DESTINATION_REFUSED', retriable: false, details: { errno: 'EROFS' } },
    });
    expect(body.error?.message).toBe(`${destination('readonly/a.zip')} refused: read-only file system (EROFS)`);
  });

  test('507: a full spool', async () => {
    await putLarge('larger', 28);
    const retry = await holdRetries(it);
    const { body } = await it.client.backup(destination('b.zip'), { wait: false });
    const failed = await it.client.jobWhen(body.id, ({ attempts }) => attempts.length === 1);
    expect(failed).toMatchObject({
      state: 'QUEUED',
      attempts: [{ error: { code: 'SPOOL_FULL', phase: 'EXPORTING', retriable: true } }],
    });
    expect(await it.client.call('DELETE', `/core/management/jobs/${body.id}`)).toMatchObject({
      status: 202,
      body: { state: 'CANCELLED' },
    });
    await retry();
    expect(await readdir(place())).toEqual(expect.not.arrayContaining(['b.zip']));
    expect(await tempsIn(place())).toEqual([]);
    expect(await readdir(insideMounts(it, join(it.home, 'spool')))).toEqual([]);
  });
});

test('a folder in the place of the archive is left alone', async () => {
  const it = await startSystem();
  await mkdir(join(it.archives, 'a.zip/inside'), { recursive: true });
  const { status, body } = await it.client.backup(`file:${it.archives}/a.zip`);
  expect([status, body.error?.code]).toEqual([400, 'DESTINATION_INVALID']);
  expect(await readdir(join(it.archives, 'a.zip'))).toEqual(['inside']);
  await it.remove();
});
