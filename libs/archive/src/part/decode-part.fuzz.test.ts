import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { PartFacts } from '@tidemark/contracts';
import { cutBytes, editedBytes, fuzz, outcomeOf } from '@tidemark/testing';
import { Readable } from 'node:stream';

import { MAX_LINE_BYTES } from '../format/limits.js';
import { sha256Of } from '../format/sha256.js';
import { copyText, factsOfRows, row, type Row } from '../testing/rows.test.js';
import { decodePart } from './decode-part.js';

const many = Array.from({ length: 2000 }, (_, n) =>
  row({ version: n, stamp: 1 + n, body: `{"n":"${'x'.repeat(n % 50)}"}` }),
);
const samples = [[row()], [row(), row({ version: 1, stamp: 2 })], many].flatMap((rows) => [
  sample(rows, 1),
  sample(rows, 19),
]);

function sample(rows: readonly Row[], level: number): { frame: Buffer; facts: PartFacts } {
  const params = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: level };
  const frame = zstdCompressSync(copyText(rows), { params });
  return { frame, facts: factsOfRows(rows, frame) };
}

/** Facts as they were, and ones that lie; of the compressed bytes they mostly tell the truth, so that it comes to the rows. */
const lies = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Partial<PartFacts>>({}) },
  fc.record({ rows: fc.nat(9), rawBytes: fc.nat(2 ** 20) }, { requiredKeys: [] }),
  fc.record({ minUpdateTimeMicros: fc.nat(9), maxUpdateTimeMicros: fc.maxSafeNat() }, { requiredKeys: [] }),
  fc.constantFrom<Partial<PartFacts>>(
    { rawBytes: 2 ** 31 },
    { rawBytes: 0 },
    { bytes: 1 },
    { sha256: 'ab'.repeat(32) },
  ),
);
const pieces = samples
  .map(({ frame }) => frame)
  .concat(Buffer.from('28b52ffd', 'hex'), Buffer.from([1, 0, 0]), Buffer.alloc(20));
const inputs = fc
  .tuple(fc.constantFrom(...samples), lies)
  .chain(([{ frame, facts }, lie]) => cutBytes(editedBytes([frame], pieces)).map((chunks) => ({ chunks, facts, lie })));

test('of a part only what its facts say comes out, and its end only when all of it was right', async () => {
  await fuzz('part', inputs, async ({ chunks, facts: truth, lie }) => {
    const frame = Buffer.concat(chunks);
    const facts = { ...truth, bytes: frame.length, sha256: sha256Of(frame), ...lie };
    const compressed = Readable.from(
      chunks.filter(({ length }) => length > 0),
      { objectMode: false },
    );
    const out: Buffer[] = [];
    const outcome = await outcomeOf(async () => {
      for await (const chunk of decodePart(compressed, facts) as AsyncIterable<Buffer>) out.push(chunk);
    });
    const text = Buffer.concat(out);
    expect(text.length).toBeLessThanOrEqual(facts.rawBytes);
    expect(Math.max(0, ...out.map(({ length }) => length))).toBeLessThanOrEqual(MAX_LINE_BYTES);
    if ('code' in outcome) {
      expect(outcome.code).toBe('ARCHIVE_DAMAGED');
    } else {
      expect(text.equals(zstdDecompressSync(frame))).toBe(true);
      expect([text.length, text.filter((byte) => byte === 0x0a).length]).toEqual([facts.rawBytes, facts.rows]);
      expect([frame.length, sha256Of(frame)]).toEqual([facts.bytes, facts.sha256]);
    }
    return outcome;
  });
});
