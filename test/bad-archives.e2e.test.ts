import { copyFile, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  query,
  startSystem,
  unusedGenerations,
  type ErrorCode,
  type IndexFingerprint,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Restores from what is no archive of ours, or no whole one: a clear code at the first attempt, the index untouched. */
let it: RunningSystem;
let before: IndexFingerprint;
beforeAll(async () => {
  it = await startSystem();
  await it.client.bulk(Array.from({ length: 500 }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(50) }]));
  await it.client.call('DELETE', '/kept/7');
  await it.client.backup(archive('good.zip'));
  await it.client.put('/kept/8', { n: 'since' });
  before = await fingerprintOf(it);
});
afterAll(() => it.remove());

const FIXTURES = resolve(import.meta.dirname, 'fixtures/archives');
const archive = (name: string): string => `file:${it.archives}/${name}`;
const place = (name: string): string => join(it.archives, name);

/** Restores while documents are read all the time; none of the reads may fail or show anything but what is there. */
async function restoreWhileReading(name: string, fields: object = {}): ReturnType<RunningSystem['client']['restore']> {
  const restored = new AbortController();
  const restoring = it.client.restore(archive(name), fields).finally(() => restored.abort());
  do {
    const read = await it.client.call('GET', '/kept/8');
    expect(read).toMatchObject({ status: 200, body: { n: 'since', documentVersion: 1 } });
  } while (!restored.signal.aborted);
  return restoring;
}

async function expectRefused(name: string, code: ErrorCode, status: number, says: string): Promise<void> {
  const { status: answered, body: job } = await restoreWhileReading(name);
  expect(job).toMatchObject({
    state: 'FAILED',
    attempt: 1,
    result: null,
    error: { code, attempt: 1, retriable: false },
  });
  expect(job.attempts).toHaveLength(1);
  expect(answered).toBe(status);
  expect(job.error?.message).toContain(says);
  expect(await fingerprintOf(it)).toEqual(before);
}

describe('what lies there is no archive of ours', () => {
  const cases: [
    what: string,
    name: string,
    make: (path: string) => Promise<unknown>,
    code: ErrorCode,
    status: number,
    says: string,
  ][] = [
    ['nothing', 'missing.zip', () => Promise.resolve(), 'ARCHIVE_NOT_FOUND', 422, 'there is no archive at file:'],
    [
      'nothing in no folder',
      'no/such/missing.zip',
      () => Promise.resolve(),
      'ARCHIVE_NOT_FOUND',
      422,
      'there is no archive at file:',
    ],
    ['a folder', 'folder.zip', (path) => mkdir(path), 'DESTINATION_INVALID', 400, 'it is a folder, not an archive'],
    [
      'a link to an archive',
      'link.zip',
      (path) => symlink('good.zip', path),
      'DESTINATION_INVALID',
      400,
      'it is a symbolic link, not an archive',
    ],
    ['an empty file', 'empty.zip', (path) => writeFile(path, ''), 'ARCHIVE_TRUNCATED', 422, 'it is empty'],
    ['a text', 'text.zip', (path) => writeFile(path, 'dear diary\n'.repeat(1000)), 'ARCHIVE_FOREIGN', 422, 'not a zip'],
    ['a byte', 'byte.zip', (path) => writeFile(path, 'x'), 'ARCHIVE_FOREIGN', 422, 'not a zip'],
    [
      'a zip of something else',
      'other.zip',
      (path) => writeFile(path, EMPTY_ZIP),
      'ARCHIVE_FOREIGN',
      422,
      'it is a zip with nothing in it',
    ],
    [
      'a zip of the ancestor’s',
      'lucene.zip',
      (path) => copyFile(join(FIXTURES, 'broken/lucene-index.zip'), path),
      'ARCHIVE_FOREIGN',
      422,
      'a zip of a Lucene index, as Xenon wrote its backups',
    ],
  ];

  test.each(cases)('%s', async (_what, name, make, code, status, says) => {
    await make(place(name));
    await expectRefused(name, code, status, says);
  });
});

describe('a good archive that has been cut off', () => {
  test.each([
    ['by its last byte', -1],
    ['before its directory', -400],
    ['in the middle', 0.5],
    ['after its first bytes', 40],
  ])('%s', async (what, where) => {
    const name = `cut ${what}.zip`.replaceAll(' ', '-');
    const { length } = await readFile(place('good.zip'));
    await copyFile(place('good.zip'), place(name));
    await truncate(place(name), where < 0 ? length + where : where < 1 ? Math.floor(length * where) : where);
    await expectRefused(name, 'ARCHIVE_TRUNCATED', 422, 'the archive is cut off');
  });
});

/** Every fixture by its defect. */
const BROKEN: Readonly<Record<string, readonly [code: ErrorCode, says: string]>> = {
  'empty-file': ['ARCHIVE_TRUNCATED', 'it is empty'],
  'cut-in-half': ['ARCHIVE_TRUNCATED', 'does not end as one'],
  'bytes-appended': ['ARCHIVE_TRUNCATED', 'does not end as one'],
  'text-file': ['ARCHIVE_FOREIGN', 'not a zip'],
  'lucene-index': ['ARCHIVE_FOREIGN', 'Lucene'],
  'version-2': ['ARCHIVE_VERSION_UNKNOWN', 'format version 2, and this product reads version 1'],
  'manifest-not-json': ['ARCHIVE_DAMAGED', 'it is not JSON'],
  'missing-part': ['ARCHIVE_DAMAGED', 'parts/000001.copy.zst: it is not there'],
  'unlisted-entry': ['ARCHIVE_DAMAGED', 'the manifest does not list it'],
  'duplicate-entry': ['ARCHIVE_DAMAGED', 'it is there twice'],
  'name-leads-out': ['ARCHIVE_DAMAGED', '"../../etc/passwd"'],
  'overlapping-entries': ['ARCHIVE_DAMAGED', 'begins at byte 0'],
  'deflated-entry': ['ARCHIVE_DAMAGED', 'compressed once more'],
  'encrypted-entry': ['ARCHIVE_DAMAGED', 'it is encrypted'],
  'sums-of-another-readme': ['ARCHIVE_DAMAGED', 'README.txt: its SHA-256'],
  'wrong-crc': ['ARCHIVE_DAMAGED', 'its CRC-32 is another one'],
  'two-frames': ['ARCHIVE_DAMAGED', 'after its zstd frame'],
  'end-mark-of-copy': ['ARCHIVE_DAMAGED', 'line 2: it does not start with /'],
  'six-columns': ['ARCHIVE_DAMAGED', 'fewer than seven columns'],
  bomb: ['ARCHIVE_DAMAGED', 'more than its 1000 bytes of rows'],
};

describe('the archives of test/fixtures/archives/broken', () => {
  test.each(Object.entries(BROKEN))('%s', async (defect, [code, says]) => {
    await copyFile(join(FIXTURES, `broken/${defect}.zip`), place(`${defect}.zip`));
    await expectRefused(`${defect}.zip`, code, 422, says);
  });

  test('are all of them', async () => {
    const files = await readdir(join(FIXTURES, 'broken'));
    expect(files.sort()).toEqual(
      Object.keys(BROKEN)
        .map((defect) => `${defect}.zip`)
        .sort(),
    );
  });
});

test('an archive from the future', async () => {
  const moveFloor = (how: string): Promise<unknown> =>
    query(it.databaseUrl, `UPDATE catalog.index SET stamp_floor = stamp_floor ${how} 3600e6::bigint`);
  await moveFloor('+');
  await it.client.put('/kept/tomorrow', {});
  await it.client.backup(archive('future.zip'));
  await moveFloor('-'); // as the floor of a system that did not make the archive
  before = await fingerprintOf(it);
  await expectRefused('future.zip', 'ARCHIVE_FROM_FUTURE', 422, 'more than 5 minutes after the database’s clock');
});

test('a flipped byte in a part is found, and said where', async () => {
  const bytes = await readFile(place('good.zip'));
  const at = bytes.indexOf(Buffer.from('28b52ffd', 'hex')) + 100;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(place('flipped.zip'), bytes);
  await expectRefused('flipped.zip', 'ARCHIVE_DAMAGED', 422, 'the archive is damaged: parts/000001.copy.zst: ');
  const { documents } = (
    await it.client.call<{ documents: Record<string, { error?: { details?: unknown } }> }>(
      'GET',
      '/core/management/jobs?$limit=1',
    )
  ).body;
  expect(Object.values(documents)[0]?.error?.details).toMatchObject({
    entry: 'parts/000001.copy.zst',
    what: expect.any(String),
  });
});

test('nothing of all that stays behind: no staged rows, no temps, no spool', async () => {
  // Those that are given up are dropped by the next sweep.
  expect((await unusedGenerations(it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
  expect((await readdir(it.archives)).filter((name) => name.startsWith('.'))).toEqual([]);
  expect(await readdir(join(it.home, 'spool'))).toEqual([]);
});

test('and the good one is restored at last', async () => {
  const { status, body } = await it.client.restore(archive('good.zip'));
  expect([status, body.state]).toEqual([200, 'SUCCEEDED']);
  expect((await it.client.call('GET', '/kept/8')).body).toMatchObject({ n: 8, documentVersion: 0 });
  expect((await it.client.call('GET', '/kept/7')).status).toBe(404);
});

const EMPTY_ZIP = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)]);
