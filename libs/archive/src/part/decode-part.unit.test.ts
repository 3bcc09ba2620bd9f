import { once } from 'node:events';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { constants, zstdCompressSync } from 'node:zlib';

import { describe, expect, test } from '@jest/globals';

import type { PartFacts } from '@tidemark/contracts';

import { ArchiveDamagedError } from '../errors.js';
import { MAX_LINE_BYTES, MAX_PART_RAW_BYTES } from '../format/limits.js';
import { sha256Of } from '../format/sha256.js';
import { copyText, lineOf, packed, row } from '../testing/rows.test.js';
import { bytesOf, failureOf, memorySink, readableOf, stalledReadable } from '../testing/streams.test.js';
import { decodePart } from './decode-part.js';

const ENTRY = 'parts/000001.copy.zst';
const GOOD = lineOf(row({ stamp: 5 }));

function compressed(raw: Buffer | string, params: Record<number, number> = {}): Buffer {
  return zstdCompressSync(Buffer.from(raw), { params: { [constants.ZSTD_c_checksumFlag]: 1, ...params } });
}

/** Facts that are right about everything that can be right: only what is under test is wrong. */
function factsFor(raw: Buffer | string, content: Buffer, changed: Partial<PartFacts> = {}): PartFacts {
  const lines = Buffer.from(raw).toString('latin1').split('\n').length - 1;
  return {
    rows: lines,
    bytes: content.length,
    rawBytes: Buffer.byteLength(raw),
    sha256: sha256Of(content),
    minUpdateTimeMicros: 5,
    maxUpdateTimeMicros: 5,
    ...changed,
  };
}

async function damageOf(content: Buffer, facts: PartFacts): Promise<string> {
  const error = await failureOf(decodePart(readableOf(content), facts, { entry: ENTRY }));
  expect(error).toBeInstanceOf(ArchiveDamagedError);
  expect(error).toMatchObject({ code: 'ARCHIVE_DAMAGED', entry: ENTRY });
  return error.message;
}

describe('decodePart', () => {
  test('gives back the rows as they were, short ones and those longer than any chunk', async () => {
    const rows = Array.from({ length: 5000 }, (_, index) =>
      row({ link: `/${index}`, body: `{"t":"${'é'.repeat(index % 1000 === 999 ? 400_000 : 99)}"}` }),
    );
    const { content, facts } = await packed(rows);
    const decoded = await bytesOf(decodePart(readableOf(content), facts));
    expect(decoded.equals(copyText(rows))).toBe(true);
  });

  test.each([99, 700_000])('a line goes on only when all of it was found right: of %i characters', async (length) => {
    const good = lineOf(row({ stamp: 5, body: `{"t":"${'x'.repeat(length)}"}` }));
    const raw = good + good + good.replace('"}', '"]');
    const content = compressed(raw);
    const through: Buffer[] = [];
    const decoded = decodePart(readableOf(content), factsFor(raw, content)).on('data', (piece: Buffer) => {
      through.push(piece);
    });
    await expect(finished(decoded)).rejects.toThrow('line 3: it does not end with }');
    expect((good + good).startsWith(Buffer.concat(through).toString())).toBe(true);
  });

  test('keeps an error for its reader that comes when all is unpacked and nobody reads yet', async () => {
    const { content, facts } = await packed([row()]);
    const unwanted = new AbortController();
    const rows = decodePart(readableOf(content), facts, { signal: unwanted.signal });
    await once(rows, 'prefinish');
    await new Promise((resolve) => setImmediate(resolve));
    unwanted.abort(new Error('the sender has gone away'));
    await new Promise((resolve) => setImmediate(resolve));
    expect((await failureOf(rows)).message).toBe('the sender has gone away');
  });

  test('takes a negative expiration, an escaped kind and numbers up to 2^53-1', async () => {
    const rows = [row({ version: 2 ** 53 - 1, stamp: 2 ** 53 - 1, expiration: -5, kind: 'a\tb\\c\nd\r' })];
    const { content, facts } = await packed(rows);
    expect((await bytesOf(decodePart(readableOf(content), facts))).equals(copyText(rows))).toBe(true);
  });
});

describe('decodePart of a part that is not the expected one', () => {
  const content = compressed(GOOD);
  const right = factsFor(GOOD, content);

  test.each<[string, Partial<PartFacts>, string]>([
    ['another SHA-256', { sha256: '0'.repeat(64) }, 'its SHA-256 is another one'],
    ['fewer bytes than there should be', { bytes: content.length + 1 }, 'bytes'],
    ['more bytes than there should be', { bytes: content.length - 1 }, 'it has more than its'],
    ['fewer rows', { rows: 2 }, 'its rows is 1 and should be 2'],
    ['more rows', { rows: 0 }, 'its rows is 1 and should be 0'],
    ['less in the rows', { rawBytes: right.rawBytes + 1 }, 'its rawBytes is'],
    ['more in the rows', { rawBytes: right.rawBytes - 1 }, 'more than its'],
    ['a later first stamp', { minUpdateTimeMicros: 4 }, 'its minUpdateTimeMicros is 5 and should be 4'],
    ['an earlier last stamp', { maxUpdateTimeMicros: 6 }, 'its maxUpdateTimeMicros is 5 and should be 6'],
    ['a size that no part has', { rawBytes: MAX_PART_RAW_BYTES + 1 }, 'it declares over'],
  ])('%s', async (_name, changed, message) => {
    expect(await damageOf(content, { ...right, ...changed })).toContain(message);
  });

  test('a bomb is stopped when it is over its size, not when it has gone off', async () => {
    const bomb = compressed(Buffer.alloc(100 * 1024 * 1024, GOOD));
    let through = 0;
    const sink = memorySink();
    sink._write = (chunk: Buffer, _encoding, done): void => {
      through += chunk.length;
      done();
    };
    const decoded = decodePart(readableOf(bomb), factsFor(GOOD, bomb, { rawBytes: 1_000_000 }));
    await expect(pipeline(decoded, sink)).rejects.toThrow('more than its 1000000 bytes of rows');
    expect(through).toBeLessThanOrEqual(1_000_000);
  });

  test('every flipped bit of its bytes is found', async () => {
    const { facts, content: part } = await packed([row({ body: '{"a":"bcdefgh"}' }), row({ version: 1, stamp: 9 })]);
    for (let bit = 0; bit < 8 * part.length; bit++) {
      const flipped = Buffer.from(part);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await damageOf(flipped, facts);
    }
  });
});

describe('decodePart of a part whose frame is not as it must be', () => {
  const content = compressed(GOOD);
  test.each<[string, Buffer, string]>([
    ['two frames', Buffer.concat([content, content]), 'bytes after its zstd frame'],
    ['a byte after the frame', Buffer.concat([content, Buffer.of(0)]), 'bytes after its zstd frame'],
    ['an empty frame before it', Buffer.concat([compressed(''), content]), 'bytes after its zstd frame'],
    ['half a frame', content.subarray(0, content.length / 2), 'its zstd frame is cut off'],
    ['no bytes', Buffer.alloc(0), 'its zstd frame is cut off'],
    ['no checksum', compressed(GOOD, { [constants.ZSTD_c_checksumFlag]: 0 }), 'no checksum'],
    ['plain text', Buffer.from(GOOD), 'does not begin as a zstd frame'],
  ])('%s', async (_name, bytes, message) => {
    expect(await damageOf(bytes, factsFor(GOOD, bytes))).toContain(message);
  });

  test('a window over 8 MiB', async () => {
    const raw = GOOD.repeat(800_000);
    const wide = compressed(raw, { [constants.ZSTD_c_windowLog]: 24 });
    expect(await damageOf(wide, factsFor(raw, wide))).toContain('window over');
  });

  test('a frame that cannot be decoded, though its sums are right', async () => {
    const broken = Buffer.from(content);
    broken[broken.length - 1]! ^= 1;
    expect(await damageOf(broken, factsFor(GOOD, broken))).toContain('cannot be decoded');
  });

  test('a frame that cannot be decoded, before anybody comes for its rows', async () => {
    const lying = Buffer.from('28b52ffd24180100000000000000', 'hex').subarray(0, 13);
    const rows = decodePart(readableOf(lying), factsFor(GOOD, lying), { entry: ENTRY });
    await new Promise((resolve) => rows.once('close', resolve));
    await expect(pipeline(rows, memorySink())).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED', entry: ENTRY });
  });
});

const withBody = (body: string): string => GOOD.replace('{}', () => body);
const nested = (levels: number): string => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;

test.each([
  ['of 256 levels', nested(256)],
  ['of many brackets side by side', `{"a":[${'{"a":[]},'.repeat(1000)}1]}`],
  ['of brackets in a string', `{"a":"${'\\\\"[{'.repeat(1000)}"}`],
  ['that speaks of a built-in field', '{"a":"documentVersion","b":{"documentKind":1},"documents":["documentKind"]}'],
  ['that quotes a built-in field', '{"a":"\\\\"documentVersion\\\\":1","\\\\u0061":1}'],
  ['of every escape', '{"a":"\\\\\\\\ \\\\n \\\\u0061\\\\""}'],
])('decodePart lets a body through %s', async (_name, body) => {
  const raw = withBody(body) + withBody('{"b":"\\\\t"}');
  const content = compressed(raw);
  expect(String(await bytesOf(decodePart(readableOf(content), factsFor(raw, content))))).toBe(raw);
});

test('decodePart lets a kind through with every escape that COPY writes', async () => {
  const raw = GOOD.replace('\\N', '\\\\ \\b\\f\\n\\r\\t\\v');
  const content = compressed(raw);
  expect(String(await bytesOf(decodePart(readableOf(content), factsFor(raw, content))))).toBe(raw);
});

describe('decodePart of rows that COPY must not see', () => {
  test.each<[string, string, string]>([
    ['a last line without its end', `${GOOD}${GOOD.trimEnd()}`, 'line 2: it has no line end'],
    ['a carriage return', `${GOOD}${GOOD.replace('{}', '{"a":"\r"}')}`, 'line 2: it has a carriage return'],
    ['a carriage return at a line end', GOOD.replace('\n', '\r\n'), 'line 1: it has a carriage return'],
    ['the end mark of COPY', `${GOOD}\\.\n${GOOD}`, 'line 2: it does not start with /'],
    ['the end mark of COPY behind a link', '/a\\.\n', 'fewer than seven columns'],
    ['an empty line', `${GOOD}\n`, 'line 2: it does not start with /'],
    ['six columns', '/a\t0\t5\tPUT\t\\N\t{}\n', 'fewer than seven columns'],
    ['eight columns', '/a\t0\t5\tPUT\t\\N\t\\N\tx\t{}\n', 'its body does not start with {'],
    ['a tab in the body', '/a\t0\t5\tPUT\t\\N\t\\N\t{\t}\n', 'more than seven columns'],
    ['no link', 'a\t0\t5\tPUT\t\\N\t\\N\t{}\n', 'does not start with /'],
    ['a negative version', '/a\t-1\t5\tPUT\t\\N\t\\N\t{}\n', 'its version is not a whole number'],
    ['no version', '/a\t\t5\tPUT\t\\N\t\\N\t{}\n', 'its version is not a whole number'],
    ['a version of NULL', '/a\t\\N\t5\tPUT\t\\N\t\\N\t{}\n', 'its version is not a whole number'],
    ['a version past 2^53', '/a\t9007199254740992\t5\tPUT\t\\N\t\\N\t{}\n', 'its version is not a whole number'],
    ['a stamp with a point', '/a\t0\t5.0\tPUT\t\\N\t\\N\t{}\n', 'its update_time_micros is not a whole number'],
    ['a stamp with a sign', '/a\t0\t+5\tPUT\t\\N\t\\N\t{}\n', 'its update_time_micros is not a whole number'],
    ['an unknown action', '/a\t0\t5\tPUTS\t\\N\t\\N\t{}\n', 'its update_action is unknown'],
    ['an expiration in words', '/a\t0\t5\tPUT\t\\N\tsoon\t{}\n', 'its expiration_time_micros is not a number'],
    ['an expiration of a sign', '/a\t0\t5\tPUT\t\\N\t-\t{}\n', 'its expiration_time_micros is not a number'],
    ['a body that is a list', '/a\t0\t5\tPUT\t\\N\t\\N\t[]\n', 'its body does not start with {'],
    ['a body that does not end', '/a\t0\t5\tPUT\t\\N\t\\N\t{"a":1\n', 'it does not end with }'],
    ['a line that goes on in the next', '/a\t0\t5\tPUT\t\\N\t\\N\t{\\\n}\n', 'it does not end with }'],
    ['a link that is too long', GOOD.replace('/a', `/${'a'.repeat(1024)}`), 'its link is over 1024 bytes long'],
    ['a link with an escape', GOOD.replace('/a', '/a\\x2e\\x2e'), 'its link has an escape'],
    ['a kind with an octal escape', GOOD.replace('\\N', 'a\\101'), 'its kind has an escape that COPY does not write'],
    ['a kind with NULL in it', GOOD.replace('\\N', 'a\\N'), 'its kind has an escape that COPY does not write'],
    ['a kind that ends in a backslash', GOOD.replace('\\N', 'a\\'), 'its kind has an escape'],
    ['a body with an escape', withBody('{"a":"\\x41"}'), 'its body has an escape that COPY does not write'],
    ['a body with an escaped line end', withBody('{\\n}'), 'its body has an escape that COPY does not write'],
    ['a body with a built-in field', withBody('{"a":1,"documentVersion":9}'), 'its body has a built-in field'],
    ['a built-in field in escapes', withBody('{"\\\\u0064ocumentKind":"x"}'), 'its body has a built-in field'],
    ['a built-in field in capital escapes', withBody('{"docum\\\\u006Entkind":1,"documentKind":2}'), 'built-in field'],
    ['a body of 257 levels', withBody(nested(257)), 'its body is nested deeper than 256 levels'],
    ['a body of 100,000 levels', withBody(nested(100_000)), 'its body is nested deeper than 256 levels'],
  ])('%s', async (_name, raw, message) => {
    const content = compressed(raw);
    expect(await damageOf(content, factsFor(raw, content))).toContain(message);
  });

  test.each([1, 2])('a line that is too long by %i bytes', async (over) => {
    const raw = GOOD.replace('{}', `{"t":"${'x'.repeat(MAX_LINE_BYTES - GOOD.length - 6 + over)}"}`);
    expect(raw.length).toBe(MAX_LINE_BYTES + over);
    const content = compressed(GOOD + raw);
    expect(await damageOf(content, factsFor(GOOD + raw, content))).toContain('line 2: it is over');
  });

  test('a line that never ends is not collected for ever', async () => {
    const raw = Buffer.alloc(8 * MAX_LINE_BYTES, '/');
    const content = compressed(raw);
    expect(await damageOf(content, factsFor(raw, content))).toContain('line 1: it is over');
  });
});

describe('decodePart when something breaks', () => {
  const content = compressed(GOOD);
  const facts = factsFor(GOOD, content);

  test('errors with the error of its input', async () => {
    const boom = new Error('reset');
    const input = stalledReadable(content.subarray(0, 10));
    const rows = decodePart(input, facts);
    setImmediate(() => input.destroy(boom));
    expect(await failureOf(rows)).toBe(boom);
  });

  test('errors when its input closes without having ended', async () => {
    const input = stalledReadable(content);
    const rows = decodePart(input, facts);
    setImmediate(() => input.destroy());
    expect(await failureOf(rows)).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  test('stops at once on abort, with its reason, while its input stalls', async () => {
    const abort = new AbortController();
    const input = stalledReadable(content.subarray(0, 10));
    const rows = decodePart(input, facts, { signal: abort.signal });
    const reason = new Error('cancelled');
    setImmediate(() => abort.abort(reason));
    expect(await failureOf(rows)).toBe(reason);
    expect(input.destroyed).toBe(true);
  });

  test('stops its input when nobody wants the rows any more', async () => {
    const input = stalledReadable(content.subarray(0, 10));
    const rows = decodePart(input, facts);
    rows.on('error', () => undefined).destroy();
    await new Promise((resolve) => input.once('close', resolve));
    expect(input.destroyed).toBe(true);
  });

  test('gives no end to a consumer that would commit on one', async () => {
    const wrong = { ...facts, sha256: '0'.repeat(64) };
    const rows = decodePart(Readable.from([content]), wrong);
    let ended = false;
    rows.on('end', () => (ended = true));
    await failureOf(rows);
    expect(ended).toBe(false);
  });
});
