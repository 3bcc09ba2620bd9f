import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { TidemarkError } from '@tidemark/contracts';

import { archiveOf, crafted, readThrough } from '../testing/archives.test.js';
import { row } from '../testing/rows.test.js';
import { failureOf } from '../testing/streams.test.js';

/**
 * Positions whose value means nothing to a reader, by the structure of a zip: in a local header its date; in a record
 * of the directory which zip tool wrote it, the date and the attributes of the file to unpack to.
 */
function meaningless(zip: Buffer): Set<number> {
  const positions = new Set<number>();
  const add = (from: number, bytes: number): void => {
    for (let at = from; at < from + bytes; at++) positions.add(at);
  };
  const end = zip.length - 22;
  let record = zip.readUInt32LE(end + 16);
  while (record < end) {
    add(record + 4, 2);
    add(record + 12, 4);
    add(record + 36, 6);
    add(zip.readUInt32LE(record + 42) + 10, 4);
    record += 46 + zip.readUInt16LE(record + 28) + zip.readUInt16LE(record + 30) + zip.readUInt16LE(record + 32);
  }
  expect(record).toBe(end);
  return positions;
}

async function codeOf(zip: Buffer): Promise<string> {
  try {
    await readThrough(zip);
  } catch (error) {
    if (error instanceof TidemarkError) return error.code;
    throw error;
  }
  return 'none';
}

describe('an archive with one byte changed', () => {
  let zip: Buffer;
  beforeAll(async () => {
    zip = await archiveOf(
      [row({ link: '/a/1', body: '{"name":"Ann"}' }), row({ link: '/a/1', version: 1, stamp: 7, action: 'DELETE' })],
      [row({ link: '/b', stamp: 9, kind: 'example', expiration: 12, body: '{"n":12345678901234567890}' })],
    );
  });

  /** Positions at which a change goes unnoticed, and whatever error is not of ours or not of this kind. */
  async function unnoticed(positions: Iterable<number>, mask: (at: number) => number): Promise<number[]> {
    const missed: number[] = [];
    for (const at of positions) {
      const changed = Buffer.from(zip);
      changed[at]! ^= mask(at);
      const code = await codeOf(changed);
      if (code === 'none') missed.push(at);
      else if (code !== 'ARCHIVE_DAMAGED' && code !== 'ARCHIVE_TRUNCATED') throw new Error(`${code} at ${at}`);
    }
    return missed;
  }

  test('in one bit is found out, at every position that means something', async () => {
    const spared = meaningless(zip);
    const missed = await unnoticed(zip.keys(), (at) => 1 << (at % 8));
    expect(missed.filter((at) => !spared.has(at))).toEqual([]);
    expect(spared.size).toBe(6 * (12 + 4));
  }, 30_000);

  test('in all bits is found out, at every position from the parts on that means something', async () => {
    const spared = meaningless(zip);
    const parts = zip.indexOf('parts/');
    const positions = [...zip.keys()].filter((at) => at >= parts && !spared.has(at));
    expect(await unnoticed(positions, () => 0xff)).toEqual([]);
  }, 30_000);

  test('in the zip64 end is found out too', async () => {
    const large = await crafted({ end: { zip64: {} } });
    const zip64End = large.length - 22 - 20 - 56;
    const madeBy = [zip64End + 12, zip64End + 13];
    for (let at = zip64End; at < large.length; at++) {
      const changed = Buffer.from(large);
      changed[at]! ^= 1 << (at % 8);
      if (!madeBy.includes(at)) expect({ at, code: await codeOf(changed) }).not.toEqual({ at, code: 'none' });
    }
  });

  test('or more, at random, is an error of ours or nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 12 }),
        async (changes) => {
          const changed = Buffer.from(zip);
          for (const [at, value] of changes) changed[zip.length - 1 - (at % Math.min(zip.length, 900))] = value;
          await codeOf(changed);
        },
      ),
      { numRuns: 300 },
    );
  });
});

test('an archive cut off at any length is cut off', async () => {
  const zip = await archiveOf([row({ body: '{"name":"Ann"}' })]);
  for (let length = 0; length < zip.length; length++) {
    const error = await failureOf(readThrough(zip.subarray(0, length)));
    expect({ length, code: (error as TidemarkError).code }).toEqual({ length, code: 'ARCHIVE_TRUNCATED' });
  }
});

test('an archive cut off at its beginning is no archive', async () => {
  const zip = await archiveOf([row()]);
  for (const length of [1, 4, 30, 100, 2000]) await failureOf(readThrough(zip.subarray(length)));
});
