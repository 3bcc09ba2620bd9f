import fc from 'fast-check';

import { entriesOf, exchangedParts, regionsOf } from '../libs/archive/src/testing/zip-regions.fixture.test.js';

/** Support for the tests beside it (no test itself). Every kind of damage that a disk, a line or a hand does to a zip. */

export interface Damage {
  readonly what: string;
  readonly zip: Buffer;
  /** The damage came to nothing: what was written was there before. */
  readonly isNone: boolean;
}

/** The same damages for the same archive. */
export function* damagesOf(zip: Buffer, seed: number): Generator<Damage> {
  for (const { name, from, to } of regionsOf(zip)) {
    for (const at of new Set([from, to - 1, ...someOf(from, to, seed, REGION_SAMPLES)])) {
      yield damage(`a bit of ${name} at ${at}`, zip, (bytes) => {
        bytes[at]! ^= 1 << (at % 8);
      });
    }
    if (from > 0) yield made(`cut off at the border of ${name}`, zip, zip.subarray(0, from));
  }
  for (const at of someOf(0, zip.length, seed, 60)) {
    yield damage(`a byte at ${at}`, zip, (bytes) => {
      bytes[at]! ^= 0xff;
    });
  }
  yield* damagedSectors(zip, seed);
  for (const length of someOf(0, zip.length, seed, 40))
    yield made(`cut off at ${length}`, zip, zip.subarray(0, length));
  yield* wrongPieces(zip);
}

const REGION_SAMPLES = 7;
const SECTOR_BYTES = 512;

function* damagedSectors(zip: Buffer, seed: number): Generator<Damage> {
  for (const at of someOf(0, zip.length - 2 * SECTOR_BYTES, seed, 12)) {
    yield damage(`zeros from ${at}`, zip, (bytes) => bytes.fill(0, at, at + SECTOR_BYTES));
    yield damage(`the next sector at ${at}`, zip, (bytes) =>
      bytes.copyWithin(at, at + SECTOR_BYTES, at + 2 * SECTOR_BYTES),
    );
    yield made(`a sector less at ${at}`, zip, without(zip, at, at + SECTOR_BYTES));
  }
}

function* wrongPieces(zip: Buffer): Generator<Damage> {
  for (const bytes of [1, 22, 100, 70_000]) {
    yield made(`${bytes} bytes appended`, zip, Buffer.concat([zip, Buffer.alloc(bytes)]));
    yield made(`${bytes} bytes prepended`, zip, Buffer.concat([Buffer.alloc(bytes), zip]));
  }
  yield made('twice', zip, Buffer.concat([zip, zip]));
  yield made('as text, line ends changed', zip, Buffer.from(zip.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'));
  yield made('as text, read as UTF-8', zip, Buffer.from(zip.toString('utf8')));
  for (const { what, zip: changed } of exchangedParts(zip)) yield made(what, zip, changed);
  for (const { name, header, end } of entriesOf(zip)) yield made(`without ${name}`, zip, without(zip, header, end));
}

function made(what: string, before: Buffer, zip: Buffer): Damage {
  return { what, zip, isNone: before.equals(zip) };
}

function damage(what: string, zip: Buffer, change: (bytes: Buffer) => unknown): Damage {
  const bytes = Buffer.from(zip);
  change(bytes);
  return made(what, zip, bytes);
}

function someOf(from: number, to: number, seed: number, count: number): number[] {
  const distinct = fc.uniqueArray(fc.integer({ min: from, max: to - 1 }), {
    minLength: Math.min(count, to - from),
    maxLength: count,
  });
  return fc.sample(distinct, { seed: seed + from, numRuns: 1 })[0] ?? [];
}

const without = (zip: Buffer, from: number, to: number): Buffer =>
  Buffer.concat([zip.subarray(0, from), zip.subarray(to)]);
