import { randomInt } from 'node:crypto';

import fc from 'fast-check';

import { ERRORS, TidemarkError, type ErrorCode } from '@tidemark/contracts';
import { environment } from '@tidemark/platform';

const SECONDS = Number(environment().TIDEMARK_TEST_FUZZ_SECONDS ?? 1);
const SEED = Number(environment().TIDEMARK_TEST_SEED ?? randomInt(2 ** 31));

/** Fewer may by chance all be refused. */
const ENOUGH = 500;

/**
 * Gives one input after another to `holds` for TIDEMARK_TEST_FUZZ_SECONDS; it throws where something does not hold, and
 * tells what came of the input. Says how many there were, what came of them, and the seed: with it as
 * TIDEMARK_TEST_SEED the same ones come again, in the same order. Of many some must have been taken, or nothing was
 * tried but the first checks; and none may have changed what all objects have.
 */
export async function fuzz<T>(
  target: string,
  inputs: fc.Arbitrary<T>,
  holds: (input: T) => Promise<Outcome<unknown>>,
): Promise<void> {
  const met = new Map<string, number>();
  const shared = Reflect.ownKeys(Object.prototype).length;
  const property = fc.asyncProperty(inputs, async (input) => {
    const outcome = await holds(input);
    const label = 'code' in outcome ? outcome.code : 'taken';
    met.set(label, (met.get(label) ?? 0) + 1);
    if (Reflect.ownKeys(Object.prototype).length !== shared) throw new Error('all objects have something new');
  });
  const run = await fc.check(property, { seed: SEED, numRuns: 2 ** 31, interruptAfterTimeLimit: SECONDS * 1000 });
  // Without a counterexample the time was over before the first input was through.
  if (run.failed && run.counterexample !== null) {
    throw new Error(fc.defaultReportMessage(run), { cause: run.errorInstance });
  }
  const count = [...met.values()].reduce((sum, each) => sum + each, 0);
  const figures = [...met].map(([label, times]) => `${times} ${label}`).join(', ');
  process.stderr.write(`${target}: ${count} inputs, seed ${SEED}: ${figures}\n`);
  if (count > ENOUGH && !met.has('taken')) throw new Error(`none of ${count} inputs was taken`);
}

/** What a parser makes of an input: a value, or the code of an error of ours. */
export type Outcome<V> = { readonly value: V } | { readonly code: ErrorCode };

/** Throws on what is no error of ours, or has a code that is not in the table. */
export async function outcomeOf<V>(parse: () => V | Promise<V>): Promise<Outcome<V>> {
  try {
    return { value: await parse() };
  } catch (error) {
    if (error instanceof TidemarkError && Object.hasOwn(ERRORS, error.code)) return { code: error.code };
    throw error;
  }
}

type Edit = (bytes: Buffer) => Buffer;

/** Numbers at which something turns over: signs, widths, what a double cannot hold. */
const TURNING = [0, 1, 2, 8, 22, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff].map(BigInt);
const numbers = fc.constantFrom(...TURNING, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n);
/** A place in bytes of any length, the last ones more often: there is a zip's directory. */
const place = fc.oneof(
  fc.nat(2 ** 24).map((at) => (length: number) => (length === 0 ? 0 : at % length)),
  fc.nat(512).map((back) => (length: number) => Math.max(0, length - 1 - back)),
);

/** Some of the bytes themselves, and others out of them by a few edits: set, turned over, put in, cut out, cut off. */
export function editedBytes(valid: readonly Buffer[], pieces: readonly Buffer[] = []): fc.Arbitrary<Buffer> {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(...pieces, ...valid),
  );
  const edit: fc.Arbitrary<Edit> = fc.oneof(
    fc.tuple(place, fc.nat(255)).map(([at, byte]) => over(at, Buffer.from([byte]))),
    fc.tuple(place, fc.nat(7)).map(([at, bit]) => flipped(at, bit)),
    fc
      .tuple(place, numbers, fc.constantFrom(2, 4, 8))
      .map(([at, number, width]) => over(at, littleEndian(number, width))),
    fc.tuple(place, piece).map(([at, put]) => replaced(at, 0, put)),
    fc.tuple(place, fc.nat(64)).map(([at, length]) => replaced(at, length, Buffer.alloc(0))),
    fc.tuple(place, fc.nat(64), piece).map(([at, length, put]) => replaced(at, length, put)),
    place.map(
      (at): Edit =>
        (bytes) =>
          bytes.subarray(0, at(bytes.length)),
    ),
  );
  return fc
    .tuple(fc.constantFrom(...valid), fc.array(edit, { maxLength: 6 }))
    .map(([bytes, edits]) => edits.reduce((edited, each) => each(edited), bytes));
}

/** The bytes in chunks of any sizes. */
export function cutBytes(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer[]> {
  return fc.tuple(bytes, fc.array(fc.nat(2 ** 20), { maxLength: 6 })).map(([whole, cuts]) => {
    const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
    return places.slice(1).map((end, n) => whole.subarray(places[n], end));
  });
}

/** Texts of pieces that mean something to a parser, and of any other characters. */
export function textOf(pieces: readonly string[], maxLength = 24): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...pieces) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 65n }).map(String) },
    { weight: 1, arbitrary: fc.constantFrom('\ud800', '\0', '\u2028', '\u00a0', '٣', '\r\n', ' '.repeat(300)) },
  );
  return fc.array(piece, { maxLength }).map((found) => found.join(''));
}

function littleEndian(number: bigint, width: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(number);
  return bytes.subarray(0, width);
}

function over(at: (length: number) => number, put: Buffer): Edit {
  return (bytes) => replaced(at, put.length, put)(bytes);
}

function replaced(at: (length: number) => number, length: number, put: Buffer): Edit {
  return (bytes) => {
    const start = at(bytes.length);
    return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + length)]);
  };
}

function flipped(at: (length: number) => number, bit: number): Edit {
  return (bytes) => {
    const edited = Buffer.from(bytes);
    const start = at(bytes.length);
    if (start < bytes.length) edited[start] = (edited[start] ?? 0) ^ (1 << bit);
    return edited;
  };
}
