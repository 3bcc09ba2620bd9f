import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  holdChanges,
  holdRetries,
  PostgresProxy,
  refuseChanges,
  startSystem,
  unusedGenerations,
  type IndexFingerprint,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Restores that something breaks off when some of their parts are loaded already: the index stays as it was. */
let proxy: PostgresProxy;
let it: RunningSystem;
let archived: IndexFingerprint;
let live: IndexFingerprint;
beforeAll(async () => {
  proxy = await PostgresProxy.open();
  it = await startSystem({ proxy, settings: { TIDEMARK_PART_BYTES: String(64 * 1024) } });
  await it.client.bulk(Array.from({ length: 3000 }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(50) }]));
});
afterAll(async () => {
  await it.remove();
  await proxy.close();
});
beforeEach(async () => {
  archived = await fingerprintOf(it);
  expect((await it.client.backup(archive())).status).toBe(200);
  await it.client.put('/kept/0', { n: 'since' });
  live = await fingerprintOf(it);
});

const archive = (): string => `file:${place()}`;
const place = (): string => join(it.archives, 'a.zip');

/** A restore that waits with its third part at hand. */
async function begun(): Promise<{ id: string; release: () => Promise<void> }> {
  const held = await holdChanges(it, 'INSERT ON catalog.staged_part', 'NEW.part = 2');
  const { body } = await it.client.restore(archive(), { wait: false });
  await held.reached();
  return { id: body.id, release: () => held.release() };
}

async function expectUntouched(): Promise<void> {
  expect(await fingerprintOf(it)).toEqual(live);
  expect((await it.client.call('GET', '/kept/0')).body).toMatchObject({ n: 'since' });
}

describe('422: the archive is changed in its place while it is read', () => {
  test.each<[string, (path: string) => Promise<void>]>([
    ['cut off', (path) => truncate(path, 1000)],
    ['made longer', (path) => writeFile(path, 'x', { flag: 'a' })],
  ])('%s', async (_what, change) => {
    const { id, release } = await begun();
    await change(place());
    await release();
    expect(await it.client.ended(id)).toMatchObject({
      state: 'FAILED',
      attempt: 1,
      error: { code: 'ARCHIVE_CHANGED', phase: 'STAGING', retriable: false },
    });
    await expectUntouched();
    expect((await unusedGenerations(it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
  });
});

test('the archive is replaced by another while it is read: the old one is restored', async () => {
  const { id, release } = await begun();
  expect((await it.client.backup(archive())).status).toBe(200);
  await release();
  expect((await it.client.ended(id)).state).toBe('SUCCEEDED');
  expect((await fingerprintOf(it)).hash).toBe(archived.hash);
});

test('507: a database without room is tried again, and the restore goes on where it was', async () => {
  const mend = await refuseChanges(it, 'INSERT ON catalog.staged_part', '53100');
  const retry = await holdRetries(it);
  const { body } = await it.client.restore(archive(), { wait: false });
  const failed = await it.client.jobWhen(body.id, ({ attempts }) => attempts.length === 1);
  expect(failed).toMatchObject({
    state: 'QUEUED',
    attempts: [{ attempt: 1, error: { code: 'DATABASE_FULL', phase: 'STAGING', retriable: true } }],
  });
  await expectUntouched();
  await mend();
  await retry();
  expect(await it.client.ended(body.id)).toMatchObject({ state: 'SUCCEEDED', attempt: 2 });
  expect((await fingerprintOf(it)).hash).toBe(archived.hash);
});

test('503: a database that goes away for a moment is waited for', async () => {
  const { id, release } = await begun();
  proxy.cut();
  await release();
  expect(await fingerprintOf(it)).toEqual(live);
  proxy.mend();
  const job = await it.client.ended(id);
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 2, attempts: [{ attempt: 1, error: { retriable: true } }] });
  expect(['DATABASE_UNAVAILABLE', 'INDEX_UNAVAILABLE']).toContain(job.attempts[0]?.error?.code);
  expect((await fingerprintOf(it)).hash).toBe(archived.hash);
});
