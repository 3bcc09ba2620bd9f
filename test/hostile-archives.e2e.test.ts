import { open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  query,
  startServices,
  unusedGenerations,
  type IndexFingerprint,
  type RunningServices,
} from '@tidemark/testing';

import {
  archiveWithHostileSchema,
  BROKEN_ARCHIVES,
  sparseOf,
  type BrokenArchive,
  type RefusedAt,
} from '../libs/archive/src/testing/broken-archives.fixture.test.js';

/**
 * Every broken archive that there is, restored from through services of their own: each is refused where and how it
 * must be, at the first attempt and soon, the index stays as it was, and no service grows.
 */
jest.setTimeout(120_000);
const PEAK_BYTES = 200e6;
/** Much longer than any takes on a machine that has other work. */
const MANY_MILLIS = 30_000;
const PHASES: Readonly<Record<RefusedAt, string>> = {
  OPENING: 'OPENING',
  CLAIMS: 'OPENING',
  PART: 'STAGING',
  LOADING: 'STAGING',
  BUILDING: 'BUILDING',
};

let it: RunningServices;
let before: IndexFingerprint;
let slowest = { name: '', millis: 0 };
/** The most that a service took for each archive. */
const peaks: { name: string; app: string; bytes: number }[] = [];
beforeAll(async () => {
  it = await startServices();
  await it.client.bulk(Array.from({ length: 300 }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(20) }]));
  before = await fingerprintOf(it);
});
afterAll(async () => {
  process.stderr.write(`slowest of the broken archives: ${slowest.name}, ${slowest.millis.toFixed(0)} ms\n`);
  for (const app of ['transfer-worker', 'index-service', 'gateway']) {
    const [most] = peaks.filter((peak) => peak.app === app).sort((one, other) => other.bytes - one.bytes);
    process.stderr.write(`most memory: ${app}, ${most?.name}, ${((most?.bytes ?? 0) / 1e6).toFixed(0)} MB\n`);
  }
  await it.remove();
});

/** Zeros are left out of the file. */
async function write(path: string, made: Awaited<ReturnType<BrokenArchive['make']>>): Promise<void> {
  const { size, pieces } = sparseOf(made);
  const file = await open(path, 'w');
  try {
    await file.truncate(size);
    for (const { at, bytes } of pieces) await file.write(bytes, 0, bytes.length, at);
  } finally {
    await file.close();
  }
}

/** What is neither live nor about to be dropped. */
async function staged(): Promise<string[]> {
  return (await unusedGenerations(it)).filter((name) => !name.endsWith(' DROPPING'));
}

const PATH = (): string => join(it.archives, 'broken.zip');

describe('an archive that nobody may trust is refused', () => {
  test.each(Object.entries(BROKEN_ARCHIVES))('%s', async (name, { make, code, says, refusedAt }) => {
    await write(PATH(), await make());
    for (const service of it.processes) service.resetPeak();
    const began = performance.now();
    const { body: job } = await it.client.restore(`file:${PATH()}`);
    const millis = performance.now() - began;
    if (millis > slowest.millis) slowest = { name, millis };
    for (const service of it.processes) peaks.push({ name, app: service.app, bytes: service.memory().peak });
    await rm(PATH());

    expect(job).toMatchObject({
      state: 'FAILED',
      attempt: 1,
      result: null,
      error: { code, phase: PHASES[refusedAt], retriable: false, message: expect.stringContaining(says) },
    });
    expect(job.attempts).toHaveLength(1);
    expect(JSON.stringify(job.error).length).toBeLessThan(2000);
    expect(millis).toBeLessThan(MANY_MILLIS);
    expect(await fingerprintOf(it)).toEqual(before);
    expect(await staged()).toEqual([]);
  });
});

test('no service has grown by any of them, and nothing of them stays', async () => {
  expect(peaks.filter(({ bytes }) => bytes >= PEAK_BYTES)).toEqual([]);
  expect((await readdir(join(it.home, 'spool'))).filter((name) => name !== 'uploads')).toEqual([]);
  expect(await readdir(it.archives)).toEqual([]);
});

test('no SQL of an archive is ever run: one whose texts are hostile is restored like any other', async () => {
  await writeFile(PATH(), await archiveWithHostileSchema());
  const { body: job } = await it.client.restore(`file:${PATH()}`);
  expect(job).toMatchObject({ state: 'SUCCEEDED', result: { documents: 1, versions: 2 } });
  expect(await query(it.databaseUrl, 'SELECT count(*)::int AS indexes FROM catalog.index')).toEqual([{ indexes: 1 }]);
  expect((await it.client.call('GET', '/a')).body).toMatchObject({ documentVersion: 1 });
});
