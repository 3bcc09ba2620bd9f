import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { editedBytes, fuzz, outcomeOf } from '@tidemark/testing';

import type { ByteSource } from '../byte-source.js';
import { MAX_DIRECTORY_BYTES, MAX_SUMS_BYTES, MAX_TEXT_BYTES } from '../format/limits.js';
import { partName } from '../format/entry-names.js';
import { archiveOf, crafted } from '../testing/archives.test.js';
import { zip64Extra } from '../testing/breaking.test.js';
import { row } from '../testing/rows.test.js';
import { memorySource } from '../testing/streams.test.js';
import type { CraftedEnd, CraftedEntry, HeaderFields } from '../testing/zip-builder.test.js';
import { openArchive } from './open-archive.js';

const CODES = ['ARCHIVE_DAMAGED', 'ARCHIVE_FOREIGN', 'ARCHIVE_TRUNCATED', 'ARCHIVE_VERSION_UNKNOWN'];
/** Asked for at most: the tail, the directory with its end, the manifest, and the three entries of sums and texts. */
const READ_BYTES = 2 * 65_557 + MAX_DIRECTORY_BYTES + MAX_SUMS_BYTES + 2 * MAX_TEXT_BYTES;
const MAX_RANGES = 8;

const zips = [
  await archiveOf(),
  await archiveOf([row()]),
  await archiveOf([row()], [row({ version: 1, stamp: 2 })]),
  await crafted({ end: { zip64: {} } }),
];
const marks = ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', 'PK\x06\x06', 'PK\x06\x07', partName(0), 'manifest.json'];

const number = fc.constantFrom(0, 1, 3, 8, 20, 45, 0x800, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff);
const short = number.map((each) => each & 0xffff);
const fields: fc.Arbitrary<HeaderFields> = fc.record(
  {
    signature: number,
    versionNeeded: short,
    flags: short,
    method: short,
    crc32: number,
    storedSize: number,
    size: number,
    name: fc.constantFrom('manifest.json', 'x', '../x', '__proto__', partName(0), ''),
    nameLength: short,
    extra: fc.constantFrom(
      zip64Extra(1n, 1n, 1n),
      zip64Extra(2n ** 64n - 1n, 0n, 2n ** 53n),
      Buffer.alloc(4),
      Buffer.alloc(5, 1),
    ),
    offset: number,
    comment: fc.constantFrom('', 'c'),
    disk: short,
    madeBy: short,
    attributes: number,
  },
  { requiredKeys: [] },
);
const entryChange = fc.record(
  { local: fields, central: fields, descriptor: fc.boolean(), gap: fc.constant(Buffer.alloc(3)), hidden: fc.boolean() },
  { requiredKeys: [] },
);
const large = fc.constantFrom(0n, 1n, 7n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n);
const end: fc.Arbitrary<CraftedEnd> = fc.record(
  {
    entries: short,
    entriesOnDisk: short,
    directoryBytes: number,
    directoryOffset: number,
    comment: fc.constantFrom(Buffer.from('PK\x05\x06'), Buffer.alloc(22)),
    gap: fc.constant(Buffer.alloc(2)),
    zip64: fc.record(
      { entries: large, directoryBytes: large, directoryOffset: large, locator: large, size: large },
      { requiredKeys: [] },
    ),
    trailer: fc.constant(Buffer.from('x')),
  },
  { requiredKeys: [] },
);
/** Zips whose sums are right, so that only what was changed is wrong. */
const craftings = fc.tuple(fc.nat(4), entryChange, fc.option(end, { nil: undefined })).map(([at, change, wrongEnd]) => {
  const entries = (all: CraftedEntry[]): CraftedEntry[] =>
    all.map((each, n) => (n === at ? { ...each, ...change } : each));
  return crafted({ entries, ...(wrongEnd ? { end: wrongEnd } : {}) });
});
const inputs = fc.oneof(
  editedBytes(
    zips,
    marks.map((mark) => Buffer.from(mark, 'latin1')),
  ),
  craftings,
);
const limits = fc.constantFrom(
  {},
  {},
  { maxParts: 1 },
  { maxManifestBytes: 900 },
  { maxPartRawBytes: 30 },
  { maxRatio: 1 },
);

test('an archive that opens lies within its bytes and can be read to its end, any other has its code', async () => {
  await fuzz('archive', fc.tuple(inputs, limits, fc.constantFrom(1, 7, 4096)), async ([made, given, chunkBytes]) => {
    const zip = await made;
    const source = memorySource(zip, chunkBytes * 64);
    const outcome = await outcomeOf(() => openArchive(source, { limits: given }));
    expectFewRanges(source, zip.length);
    if ('code' in outcome) {
      expect(CODES).toContain(outcome.code);
      return outcome;
    }
    const archive = outcome.value;
    const before = source.opened.length;
    const read = await outcomeOf(() => archive.verify());
    expect(source.opened.length).toBeLessThanOrEqual(before + archive.parts.length);
    if ('code' in read) expect(['ARCHIVE_DAMAGED', 'ARCHIVE_TRUNCATED']).toContain(read.code);
    expect(archive.parts.reduce((bytes, part) => bytes + part.bytes, 0)).toBeLessThan(zip.length);
    expect(archive.parts.length).toBeLessThanOrEqual(given.maxParts ?? 2);
    return read;
  });
});

/** The source itself refuses what is outside of it. */
function expectFewRanges({ opened }: ByteSource & { opened: [number, number][] }, size: number): void {
  expect(opened.length).toBeLessThanOrEqual(MAX_RANGES);
  const asked = opened.reduce((bytes, [, length]) => bytes + length, 0);
  expect(asked).toBeLessThanOrEqual(Math.min(READ_BYTES, MAX_RANGES * size));
}
