import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { beforeAll, describe, expect, test } from '@jest/globals';

import { TidemarkError } from '@tidemark/contracts';

import { openArchive } from './read/open-archive.js';
import { decodePart } from './part/decode-part.js';
import { readThrough, written } from './testing/archives.test.js';
import { BROKEN_ARCHIVES } from './testing/broken-archives.fixture.test.js';
import { copyText, packed, row, type Row } from './testing/rows.test.js';
import { wholeOf } from './testing/sparse-bytes.test.js';
import { bytesOf, failureOf, memorySource } from './testing/streams.test.js';

/**
 * Archives as files, for every later version to read: one of each format version that must stay readable, and some
 * that must be refused. `REGENERATE_FIXTURES=1` writes those that are not there yet; what is there is never changed.
 */
const FOLDER = resolve(import.meta.dirname, '../../../test/fixtures/archives');
const MAX_FIXTURE_BYTES = 20 * 1024;

const HISTORY: readonly (readonly Row[])[] = [
  [
    row({ link: '/people/ann', stamp: 100, action: 'POST', kind: 'example:person', body: '{"name":"Ann","age":41}' }),
    row({
      link: '/people/ann',
      version: 1,
      stamp: 200,
      action: 'PATCH',
      kind: 'example:person',
      body: '{"name":"Ann","age":42}',
    }),
    row({
      link: '/people/bob',
      stamp: 200,
      action: 'PUT',
      body: '{"quote":"a \\"tab\\" is \\\\t, a line ends with \\\\n"}',
    }),
    row({ link: '/people/bob', version: 1, stamp: 300, action: 'DELETE', body: '{"quote":"gone"}' }),
  ],
  [
    row({ link: '/people/bob', version: 2, stamp: 400, action: 'POST', body: '{"quote":"back again"}' }),
    row({ link: '/numbers', stamp: 400, body: '{"long":12345678901234567890,"huge":1e400,"exact":0.10}' }),
    row({
      link: '/text',
      stamp: 500,
      expiration: 999_999,
      body: '{"emoji":"🦭 æøå 漢字","escaped":"\\ud83e\\uddad\\u0001"}',
    }),
    row({ link: '/empty', stamp: 600, kind: '', body: '{}' }),
  ],
];

const BROKEN_FIXTURES = [
  'empty-file',
  'text-file',
  'lucene-index',
  'cut-in-half',
  'bytes-appended',
  'version-2',
  'manifest-not-json',
  'missing-part',
  'unlisted-entry',
  'duplicate-entry',
  'name-leads-out',
  'overlapping-entries',
  'deflated-entry',
  'encrypted-entry',
  'sums-of-another-readme',
  'wrong-crc',
  'two-frames',
  'end-mark-of-copy',
  'six-columns',
  'bomb',
] as const;

const pathOf = (name: string): string => join(FOLDER, `${name}.zip`);

beforeAll(async () => {
  if (process.env.REGENERATE_FIXTURES !== '1') return;
  await mkdir(join(FOLDER, 'valid'), { recursive: true });
  await mkdir(join(FOLDER, 'broken'), { recursive: true });
  const keep = (name: string, bytes: Buffer): Promise<void> =>
    writeFile(pathOf(name), bytes, { flag: 'wx' }).catch((error: unknown) => {
      if (!(error instanceof Object && 'code' in error && error.code === 'EEXIST')) throw error;
    });
  await keep('valid/v1-small', (await written(await Promise.all(HISTORY.map(packed)), { documents: 5 })).zip);
  for (const name of BROKEN_FIXTURES) await keep(`broken/${name}`, wholeOf(await BROKEN_ARCHIVES[name]!.make()));
});

test('valid/v1-small.zip is read, with every row as it was written', async () => {
  const archive = await openArchive(memorySource(await readFile(pathOf('valid/v1-small'))));
  await archive.verify();
  expect(archive.manifest).toMatchObject({
    formatVersion: 1,
    createdAtMicros: 1_000_000,
    totals: { documents: 5, versions: 8 },
    history: { earliestUpdateTimeMicros: 100, latestUpdateTimeMicros: 600 },
  });
  const parts = await Promise.all(
    archive.parts.map((part, index) => bytesOf(decodePart(archive.streamPart(index), part))),
  );
  expect(parts.map(String)).toEqual(HISTORY.map((rows) => copyText(rows).toString()));
});

describe('broken/', () => {
  test.each(BROKEN_FIXTURES)('%s.zip is refused', async (name) => {
    const error = await failureOf(readThrough(await readFile(pathOf(`broken/${name}`))));
    expect(error).toBeInstanceOf(TidemarkError);
    expect(error).toMatchObject({ code: BROKEN_ARCHIVES[name]!.code });
    expect(error.message).toContain(BROKEN_ARCHIVES[name]!.says);
  });

  test('has no file that nobody tests, and only small ones', async () => {
    const files = await readdir(join(FOLDER, 'broken'));
    expect(files.sort()).toEqual(BROKEN_FIXTURES.map((name) => `${name}.zip`).sort());
    for (const name of files) {
      expect((await readFile(join(FOLDER, 'broken', name))).length).toBeLessThanOrEqual(MAX_FIXTURE_BYTES);
    }
  });
});
