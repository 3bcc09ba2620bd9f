import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { zstdDecompressSync } from 'node:zlib';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { ArchiveTooLargeError, ContentUnfitError } from '../errors.js';
import { MAX_LINE_BYTES } from '../format/limits.js';
import { anyRow, copyText, factsOfRows, lineOf, packed, row } from '../testing/rows.test.js';
import { bytesOf, failureOf, readableOf, stalledReadable } from '../testing/streams.test.js';
import { decodePart } from './decode-part.js';
import { encodePart, MAX_PART_CUT_BYTES } from './encode-part.js';

const ALL = 64 * 1024 * 1024;

/** `count` rows of `bytes` bytes each. */
function rowsOf(count: number, bytes: number): string[] {
  const bare = lineOf(row({ link: '/a/0000000', stamp: 1000000, body: '{"t":""}' })).length;
  return Array.from({ length: count }, (_, index) =>
    lineOf(
      row({
        link: `/a/${String(index).padStart(7, '0')}`,
        stamp: 1000000 + index,
        body: `{"t":"${'x'.repeat(bytes - bare)}"}`,
      }),
    ),
  );
}

async function encodeAll(rows: Readable, maxRawBytes = ALL) {
  const part = encodePart(rows, { maxRawBytes });
  const content = await bytesOf(part.content);
  return { content, ...(await part.outcome) };
}

describe('encodePart', () => {
  test('gives back what it packed, whatever the rows and the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { maxLength: 30 }), fc.integer({ min: 1, max: 600 }), async (rows, chunk) => {
        const raw = copyText(rows);
        const { content, facts, cut } = await encodeAll(readableOf(raw, chunk));
        expect(facts).toEqual(factsOfRows(rows, content));
        expect(cut).toBe(false);
        expect(await bytesOf(decodePart(readableOf(content, chunk), facts))).toEqual(raw);
      }),
      { numRuns: 60 },
    );
  });

  test('makes one zstd frame with a checksum, the same for the same rows in any chunks', async () => {
    const raw = Buffer.from(rowsOf(5000, 300).join(''));
    const one = await encodeAll(readableOf(raw, 64 * 1024));
    const other = await encodeAll(readableOf(raw, 1009));
    expect(other.content.equals(one.content)).toBe(true);
    expect(one.content.readUInt32LE(0)).toBe(0xfd2fb528);
    expect(one.content.readUInt8(4) & 0b100).toBe(0b100);
    expect(zstdDecompressSync(one.content).equals(raw)).toBe(true);
  });

  test('ends with the row that reaches the limit, wherever chunks and blocks end, and says whether rows are left', async () => {
    const rows = rowsOf(2500, 200);
    const raw = Buffer.from(rows.join(''));
    const total = raw.length;
    for (const limit of [1, 199, 200, 201, 262_000, 262_144, 262_200, 400_000, total - 1, total, total + 1]) {
      const expected = Math.min(rows.length, Math.ceil(limit / 200));
      for (const chunk of [7_000, 65_536, 262_144, total]) {
        const input = readableOf(raw, chunk);
        const { facts, cut, content } = await encodeAll(input, limit);
        expect({ limit, chunk, rows: facts.rows, rawBytes: facts.rawBytes, cut }).toEqual({
          limit,
          chunk,
          rows: expected,
          rawBytes: expected * 200,
          cut: expected < rows.length,
        });
        expect(facts.maxUpdateTimeMicros).toBe(1000000 + expected - 1);
        expect(zstdDecompressSync(content).equals(raw.subarray(0, expected * 200))).toBe(true);
        expect(input.destroyed).toBe(true);
      }
    }
  });

  test('cuts a source that never ends', async () => {
    let sent = 0;
    const endless = new Readable({
      read() {
        this.push(lineOf(row({ stamp: ++sent })));
      },
    });
    const { facts, cut } = await encodeAll(endless, 1_000_000);
    expect(cut).toBe(true);
    expect(facts.rawBytes).toBeGreaterThanOrEqual(1_000_000);
    expect(endless.destroyed).toBe(true);
  });

  test('packs a row as long as a row may be, and refuses a longer one', async () => {
    const [longest, over] = [rowsOf(1, MAX_LINE_BYTES), rowsOf(1, MAX_LINE_BYTES + 1)];
    const raw = Buffer.from(rowsOf(3, 100).join('') + longest.join('') + rowsOf(3, 100).join(''));
    const { content, facts } = await encodeAll(readableOf(raw));
    expect(facts.rows).toBe(7);
    expect((await bytesOf(decodePart(readableOf(content), facts))).equals(raw)).toBe(true);
    const error = await failureOf(encodeAll(readableOf(Buffer.from(over.join('')))));
    expect(error).toBeInstanceOf(ContentUnfitError);
    const endless = await failureOf(encodeAll(readableOf(Buffer.alloc(3 * MAX_LINE_BYTES, 'x'))));
    expect(endless.message).toContain('bytes long');
  });

  test('of no rows is a part with no rows', async () => {
    const { facts, cut, content } = await encodeAll(Readable.from([]));
    expect(facts).toEqual(factsOfRows([], content));
    expect(cut).toBe(false);
    expect(await bytesOf(decodePart(readableOf(content), facts))).toHaveLength(0);
  });

  test('knows the outcome before the end is seen', async () => {
    const part = encodePart(readableOf(copyText([row()])), { maxRawBytes: ALL });
    const atEnd = new Promise((resolve) => {
      part.content.on('end', () => resolve(Promise.race([part.outcome, Promise.resolve('not known')]))).resume();
    });
    expect(await atEnd).toEqual(await part.outcome);
  });

  test('refuses a limit that would let a part grow over the format’s, and one that lets nothing in', () => {
    expect(() => encodePart(Readable.from([]), { maxRawBytes: MAX_PART_CUT_BYTES + 1 })).toThrow(ArchiveTooLargeError);
    for (const none of [0, -1, NaN]) {
      expect(() => encodePart(Readable.from([]), { maxRawBytes: none })).toThrow(RangeError);
    }
  });
});

describe('encodePart with rows that are none', () => {
  const good = lineOf(row());
  test.each([
    ['a last row without its end', `${good}/a\t0\t1\tPUT\t\\N\t\\N\t{}`, 'row 2 of a part: it has no line end'],
    ['a row that is no link', `${good}a\t0\t1\tPUT\t\\N\t\\N\t{}\n`, 'row 2 of a part: it does not start with /'],
    ['a row that ends in no body', '/a\t0\t1\tPUT\t\\N\t\\N\t{}x\n', 'it does not end with }'],
    ['a row of two columns', '/a\t0\n/b\t0\t1\t{}\n', 'fewer than three columns'],
    ['a row with a word for a stamp', '/a\t0\tnow\tPUT\t\\N\t\\N\t{}\n', 'third column is not a stamp'],
    ['a row without a stamp', '/a\t0\t\tPUT\t\\N\t\\N\t{}\n', 'third column is not a stamp'],
    ['a row with a stamp past 2^53', '/a\t0\t9007199254740992\tPUT\t\\N\t\\N\t{}\n', 'third column is not a stamp'],
    ['an empty line', '\n', 'it does not start with /'],
  ])('%s', async (_name, raw, message) => {
    const part = encodePart(readableOf(Buffer.from(raw)), { maxRawBytes: ALL });
    const error = await failureOf(part.content);
    expect(error).toBeInstanceOf(ContentUnfitError);
    expect(error.message).toContain(message);
    await expect(part.outcome).rejects.toBe(error);
  });
});

describe('encodePart when something breaks', () => {
  const some = copyText([row(), row()]);

  test('errors with the error of the rows, and never ends', async () => {
    const boom = new Error('the connection is gone');
    const rows = stalledReadable(some);
    const part = encodePart(rows, { maxRawBytes: ALL });
    setImmediate(() => rows.destroy(boom));
    expect(await failureOf(part.content)).toBe(boom);
    await expect(part.outcome).rejects.toBe(boom);
  });

  test('errors when the rows close without having ended', async () => {
    const rows = stalledReadable(some);
    const part = encodePart(rows, { maxRawBytes: ALL });
    setImmediate(() => rows.destroy());
    expect(await failureOf(part.content)).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    await expect(part.outcome).rejects.toThrow();
  });

  test('errors when the rows were broken before', async () => {
    const rows = Readable.from([some]);
    rows.on('error', () => undefined).destroy(new Error('gone'));
    await finished(rows).catch(() => undefined);
    await failureOf(encodePart(rows, { maxRawBytes: ALL }).content);
  });

  test('does not mind what becomes of the rows after the cut', async () => {
    const rows = stalledReadable(Buffer.from(rowsOf(2000, 300).join('')));
    rows._destroy = (_error, done) => done(new Error('cancelled'));
    const { facts, cut } = await encodeAll(rows, 1);
    expect({ rows: facts.rows, cut }).toEqual({ rows: 1, cut: true });
  });

  test('stops at once on abort, with its reason, while the rows stall', async () => {
    const abort = new AbortController();
    const rows = new StalledRows(some);
    const part = encodePart(rows, { maxRawBytes: ALL, signal: abort.signal });
    const reason = new Error('lease lost');
    setImmediate(() => abort.abort(reason));
    expect(await failureOf(part.content)).toBe(reason);
    await expect(part.outcome).rejects.toBe(reason);
    expect(rows.left).toBe(true);
  });

  test('does not begin for a signal that was aborted before', async () => {
    const rows = readableOf(some);
    const reason = new Error('lease lost');
    const part = encodePart(rows, { maxRawBytes: ALL, signal: AbortSignal.abort(reason) });
    expect(await failureOf(part.content)).toBe(reason);
    expect(rows.destroyed).toBe(true);
  });

  test('stops the rows when nobody wants the content any more', async () => {
    const rows = stalledReadable(Buffer.from(rowsOf(4000, 300).join('')));
    const part = encodePart(rows, { maxRawBytes: ALL });
    part.content.once('readable', () => part.content.destroy());
    await expect(part.outcome).rejects.toThrow();
    expect(rows.destroyed).toBe(true);
  });
});

/** One chunk, and then nothing, not even an end, until it is left. */
class StalledRows implements AsyncIterableIterator<Buffer, undefined> {
  left = false;
  readonly #stalled = Promise.withResolvers<IteratorResult<Buffer, undefined>>();
  readonly #chunks: Buffer[];

  constructor(...chunks: Buffer[]) {
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    const value = this.#chunks.shift();
    return value ? { done: false, value } : await this.#stalled.promise;
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.left = true;
    this.#stalled.resolve({ done: true, value: undefined });
    return await this.#stalled.promise;
  }
}

test('a packed part is what its facts say', async () => {
  const rows = [row({ stamp: 9 }), row({ stamp: 4 }), row({ stamp: 7 })];
  const { facts, content } = await packed(rows);
  expect(facts).toEqual(factsOfRows(rows, content));
});
