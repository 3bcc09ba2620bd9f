/** An upload that is cut off goes on where it was: the next attempt sends what has not been acknowledged, and no more. */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { brokerIsThere, fingerprintOf, query, startServices, type RunningServices } from '@tidemark/testing';

import { RangedServer } from './ranged-server.fixture.test.js';

jest.setTimeout(90_000); // processes are started, and a lease has to run out

const CHUNK_BYTES = 64 * 1024;
const SILENCE_SECONDS = 5;
const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs('an upload', () => {
  let server: RangedServer;
  let it: RunningServices;
  beforeEach(async () => {
    server = await RangedServer.open();
    it = await startServices({
      settings: {
        TIDEMARK_HTTP_ALLOW: server.url,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.0/8',
        TIDEMARK_LEASE_SECONDS: '6',
        TIDEMARK_CHUNK_BYTES: String(CHUNK_BYTES),
        TIDEMARK_HTTP_SILENCE_SECONDS: String(SILENCE_SECONDS),
      },
    });
    const incompressible = (n: number): string => createHash('sha512').update(String(n)).digest('base64');
    await it.client.bulk(Array.from({ length: 9000 }, (_, n) => [`/kept/${n}`, { text: incompressible(n) }]));
  });
  afterEach(async () => {
    await it.remove();
    await server.close();
  });

  /** Resolves when the worker has on record that so many chunks were acknowledged. */
  async function recorded(count: number): Promise<void> {
    const uploads = join(it.home, 'spool/uploads');
    for (;;) {
      const [record = ''] = (await readdir(uploads)).filter((name) => name.endsWith('.sent'));
      const chunks = (await readFile(join(uploads, record), 'utf8')).match(/^chunk /gm) ?? [];
      if (chunks.length >= count) return;
    }
  }

  /** Cut off by `end` when some chunks have been acknowledged; each chunk of the archive has been taken once then. */
  async function expectGoneOn(end: () => Promise<unknown>, attempt: number): Promise<void> {
    const archived = await fingerprintOf(it);
    const held = server.holdAfter(4);
    const { body } = await it.client.backup(server.url, { wait: false });
    await held;
    await recorded(4);
    await it.client.put('/kept/0', { text: 'written while the upload stands still' });
    await end();
    server.release();
    await it.worker.start();
    const job = await it.client.ended(body.id);
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt, result: { versions: archived.versions } });
    const { archive } = job.result as { archive: { bytes: number } };
    expect(server.taken.length).toBe(Math.ceil(archive.bytes / CHUNK_BYTES));
    expect(new Set(server.taken).size).toBe(server.taken.length);
    expect(server.taken.length).toBeGreaterThan(6);
    expect(await readdir(join(it.home, 'spool/uploads'))).toEqual([]);
    expect((await it.client.restore(server.url)).status).toBe(200);
    expect((await fingerprintOf(it)).hash).toBe(archived.hash);
  }

  test('of a worker that is killed is gone on with by the next attempt', async () => {
    await expectGoneOn(() => it.worker.kill(), 2);
  });

  test('of a worker that is stopped is handed back, and gone on with', async () => {
    await expectGoneOn(() => it.worker.stop(), 1);
  });

  test('of a worker that is killed and loses its spool begins anew, when nothing of the old one can arrive any more', async () => {
    const held = server.holdAfter(4);
    const { body } = await it.client.backup(server.url, { wait: false });
    await held;
    await it.worker.kill();
    await rm(join(it.home, 'spool'), { recursive: true });
    const old = server.taken.length;
    const next = server.holdAfter(1);
    await it.worker.start();
    await next;
    const statement = 'SELECT attempt_started_at_micros AS at FROM jobs.job WHERE id = $1';
    const [claimed] = await query<{ at: string }>(it.databaseUrl, statement, [body.id]);
    const firstPutMicros = 1000 * (server.takenAtMillis[old] ?? 0);
    expect(firstPutMicros - Number(claimed?.at)).toBeGreaterThan(0.9 * SILENCE_SECONDS * 1e6);
    server.release();
    const job = await it.client.ended(body.id);
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 2 });
    const { archive } = job.result as { archive: { bytes: number } };
    expect(new Set(server.taken.slice(old)).size).toBe(Math.ceil(archive.bytes / CHUNK_BYTES));
    expect((await it.client.restore(server.url)).status).toBe(200);
  });
});
