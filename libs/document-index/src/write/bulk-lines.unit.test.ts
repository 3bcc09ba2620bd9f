import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { MAX_DOCUMENT_BYTES } from '@tidemark/contracts';

import { splitLines } from './bulk-lines.js';

async function* chunks(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    await Promise.resolve();
    yield piece;
  }
}

async function linesOf(pieces: readonly Buffer[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(chunks(pieces))) lines.push(line.toString());
  return lines;
}

describe('splitLines', () => {
  test('the lines are the same however the bytes are cut', async () => {
    const lines = fc.array(fc.stringMatching(/^[a-zé]{0,12}$/), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lines, fc.array(fc.nat(120), { maxLength: 8 }), async (wanted, cuts) => {
        const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''));
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        expect(await linesOf(places.slice(1).map((end, n) => bytes.subarray(places[n], end)))).toEqual(wanted);
      }),
    );
  });

  test('a last line needs no end', async () => {
    expect(await linesOf([Buffer.from('a\nb'), Buffer.from('c')])).toEqual(['a', 'bc']);
  });

  test('lines longer than every chunk come whole, and the longest one cut off just above the limit', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const long = [...Array<Buffer>(16).fill(chunk), Buffer.from('\n')];
    const endless = [...Array<Buffer>(64).fill(chunk), Buffer.from('\nshort\n')];
    const found = (await linesOf([...long, ...endless, ...long])).map(({ length }) => length);
    expect(found).toEqual([MAX_DOCUMENT_BYTES, MAX_DOCUMENT_BYTES + 1, 5, MAX_DOCUMENT_BYTES]);
  });
});
