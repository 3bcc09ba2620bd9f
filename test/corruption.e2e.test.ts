import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  startSystem,
  unusedGenerations,
  type IndexFingerprint,
  type Job,
  type RunningSystem,
} from '@tidemark/testing';

import { damagesOf, type Damage } from './damages.fixture.test.js';

jest.setTimeout(180_000); // hundreds of restores, one after the other

/**
 * An archive that is damaged anywhere is never restored: each restore fails with a code that says so, at its first
 * attempt, and the index is as it was; or nothing was changed by it, and the index is exactly the archive's.
 */
const SEED = 20_261_123;
const REFUSALS = ['ARCHIVE_DAMAGED', 'ARCHIVE_TRUNCATED', 'ARCHIVE_FOREIGN', 'ARCHIVE_VERSION_UNKNOWN'];

let it: RunningSystem;
let zip: Buffer;
let archived: IndexFingerprint;
let live: IndexFingerprint;
beforeAll(async () => {
  it = await startSystem({ settings: { TIDEMARK_PART_BYTES: '65536' } });
  await it.client.bulk(Array.from({ length: 250 }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(n) }]));
  await it.client.bulk([['/kept/7', null]]);
  await it.client.backup(`file:${it.archives}/good.zip`);
  archived = await fingerprintOf(it);
  zip = await readFile(join(it.archives, 'good.zip'));
  await beOther();
});
afterAll(() => it.remove());

/** Makes the index another one than the archive's. */
async function beOther(): Promise<void> {
  await it.client.put('/kept/8', { n: 'since' });
  live = await fingerprintOf(it);
}

/** What is wrong with the way that a restore ended; undefined where nothing is. */
async function wrongWith({ isNone }: Damage, job: Job): Promise<string | undefined> {
  const now = await fingerprintOf(it);
  if (job.state === 'SUCCEEDED') {
    const isRight = now.hash === archived.hash;
    await beOther();
    return isRight && isNone ? undefined : `restored, with ${isRight ? 'the right' : 'a wrong'} state`;
  }
  if (!isDeepStrictEqual(now, live)) return 'the index has changed';
  const isRefusal = job.state === 'FAILED' && REFUSALS.includes(job.error?.code ?? '') && job.attempts.length === 1;
  return isRefusal ? undefined : `${job.state}: ${JSON.stringify(job.attempts)}`;
}

test('an archive that is damaged anywhere is never restored to anything but its own state', async () => {
  const wrong: string[] = [];
  const ends: Record<string, number> = {};
  for (const damage of damagesOf(zip, SEED)) {
    await writeFile(join(it.archives, 'damaged.zip'), damage.zip);
    const { body: job } = await it.client.restore(`file:${it.archives}/damaged.zip`);
    const problem = await wrongWith(damage, job);
    if (problem !== undefined) wrong.push(`${damage.what}: ${problem}`);
    const end = job.error?.code ?? job.state;
    ends[end] = (ends[end] ?? 0) + 1;
  }
  expect(wrong).toEqual([]);
  expect(Object.values(ends).reduce((sum, count) => sum + count)).toBeGreaterThan(300);
});

test('nothing of all that stays behind, and the good archive is restored', async () => {
  expect((await unusedGenerations(it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
  await rm(join(it.archives, 'damaged.zip'));
  expect((await it.client.restore(`file:${it.archives}/good.zip`)).body.state).toBe('SUCCEEDED');
  expect((await fingerprintOf(it)).hash).toBe(archived.hash);
});
