import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { TidemarkError } from '@tidemark/contracts';

import { archiveOf, crafted, readThrough } from '../testing/archives.test.js';
import { row } from '../testing/rows.test.js';
import { failureOf } from '../testing/streams.test.js';
import { exchangedParts, regionsOf, type Region } from '../testing/zip-regions.fixture.test.js';

/**
 * Each byte of an archive means something: whichever is changed, the archive is refused. TIDEMARK_TEST_FLIPS=all
 * changes each in nine ways instead of one or two, and a large archive too (some minutes).
 */
const IS_LONG = process.env.TIDEMARK_TEST_FLIPS === 'all';
const LONG_MILLIS = 1_800_000;
const MILLIS = IS_LONG ? LONG_MILLIS : 60_000;
const SEED = 20_261_128;
const REFUSALS = ['ARCHIVE_DAMAGED', 'ARCHIVE_TRUNCATED'];

async function codeOf(zip: Buffer): Promise<string> {
  try {
    await readThrough(zip);
  } catch (error) {
    if (error instanceof TidemarkError) return error.code;
    throw error;
  }
  return 'none';
}

/** Positions at which a change is not refused, or by another code, with what was changed and that code. */
async function unrefused(zip: Buffer, positions: Iterable<number>, masks: (at: number) => number[]): Promise<string[]> {
  const found: string[] = [];
  const changed = Buffer.from(zip);
  for (const at of positions) {
    for (const mask of masks(at)) {
      changed[at]! ^= mask;
      const code = await codeOf(changed);
      if (!REFUSALS.includes(code)) found.push(`${at} ^ ${mask}: ${code}`);
      changed[at]! ^= mask;
    }
  }
  return found;
}

const ALL_MASKS = [...Array.from({ length: 8 }, (_, bit) => 1 << bit), 0xff];
const oneBit = (at: number): number[] => [1 << (at % 8)];
const allBits = (): number[] => [0xff];

function* positionsOf({ from, to }: Pick<Region, 'from' | 'to'>): Generator<number> {
  for (let at = from; at < to; at++) yield at;
}

const body = (n: number): string => `{"name":"Ann ${n}"}`;

describe('an archive of three parts', () => {
  let zip: Buffer;
  let regions: Region[];
  beforeAll(async () => {
    zip = await archiveOf(
      [row({ link: '/a/1', body: body(1) }), row({ link: '/a/1', version: 1, stamp: 7, action: 'DELETE' })],
      [row({ link: '/b', stamp: 9, kind: 'example', expiration: 12, body: '{"n":12345678901234567890}' })],
      [row({ link: '/c/1', stamp: 9, body: body(2) }), row({ link: '/c/1', version: 1, stamp: 10, action: 'PATCH' })],
    );
    regions = regionsOf(zip);
  });

  test('is all regions, without a gap', () => {
    expect(regions.map(({ to }) => to).slice(0, -1)).toEqual(regions.map(({ from }) => from).slice(1));
    expect([regions[0]!.from, regions.at(-1)!.to]).toEqual([0, zip.length]);
    expect(zip.length).toBeLessThan(200_000);
  });

  test(
    'is refused with one bit changed, at every position',
    async () => {
      expect(await unrefused(zip, zip.keys(), IS_LONG ? () => ALL_MASKS : oneBit)).toEqual([]);
    },
    MILLIS,
  );

  test(
    'is refused with all bits of a byte changed, wherever there is no text for people',
    async () => {
      const texts = ['README.txt', 'schema.sql'];
      const positions = regions
        .filter(({ name }) => !texts.includes(name))
        .flatMap((region) => [...positionsOf(region)]);
      expect(await unrefused(zip, positions, allBits)).toEqual([]);
    },
    MILLIS,
  );

  test('is refused when it is cut off at the border of a region, or a byte beside it', async () => {
    for (const { name, from } of regions) {
      for (const length of [from - 1, from, from + 1].filter((at) => at >= 0 && at < zip.length)) {
        expect({ name, code: await codeOf(zip.subarray(0, length)) }).toEqual({ name, code: 'ARCHIVE_TRUNCATED' });
      }
    }
  });

  test('is refused with two parts exchanged, in every way', async () => {
    const exchanges = [...exchangedParts(zip)];
    expect(exchanges).toHaveLength(10);
    for (const { what, zip: changed } of exchanges) {
      expect({ what, code: await codeOf(changed) }).toEqual({ what, code: 'ARCHIVE_DAMAGED' });
    }
  });

  test('is an error of ours or nothing with several bytes changed at random', async () => {
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

describe('numbers in zip64 form', () => {
  test('are refused with one bit changed, at every position of the zip64 end', async () => {
    const zip = await crafted({ end: { zip64: {} } });
    const ends = { from: zip.length - 22 - 20 - 56, to: zip.length };
    expect(await unrefused(zip, positionsOf(ends), () => ALL_MASKS)).toEqual([]);
  });
});

if (IS_LONG)
  test(
    'an archive over 200,000 bytes is refused with a byte changed in all but its parts, and in some of those',
    async () => {
      const noise = fc.sample(fc.stringMatching(/^[a-z0-9]{200}$/), { seed: SEED, numRuns: 2400 });
      const rows = noise.map((text, n) => row({ link: `/${n}`, stamp: 5, body: `{"text":"${text}"}` }));
      const zip = await archiveOf(rows.slice(0, 800), rows.slice(800, 1600), rows.slice(1600));
      expect(zip.length).toBeGreaterThan(200_000);
      const regions = regionsOf(zip);
      const isPart = ({ name }: Region): boolean => name.startsWith('parts/');
      for (const region of regions.filter((each) => !isPart(each))) {
        expect(await unrefused(zip, positionsOf(region), oneBit)).toEqual([]);
      }
      for (const { from, to } of regions.filter(isPart)) {
        const some = fc.sample(fc.integer({ min: from, max: to - 1 }), { seed: SEED, numRuns: 500 });
        expect(await unrefused(zip, [from, to - 1, ...some], oneBit)).toEqual([]);
      }
    },
    LONG_MILLIS,
  );

test('an archive cut off at any length is cut off', async () => {
  const zip = await archiveOf([row({ body: body(1) })]);
  for (let length = 0; length < zip.length; length++) {
    const error = await failureOf(readThrough(zip.subarray(0, length)));
    expect({ length, code: (error as TidemarkError).code }).toEqual({ length, code: 'ARCHIVE_TRUNCATED' });
  }
});

test('an archive cut off at its beginning is no archive', async () => {
  const zip = await archiveOf([row()]);
  for (const length of [1, 4, 30, 100, 2000]) await failureOf(readThrough(zip.subarray(length)));
});
