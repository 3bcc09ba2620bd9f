import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { MAX_DOCUMENT_BYTES } from '@tidemark/contracts';

import { LineSplitter } from './bulk-lines.js';

function* splitLines(chunks: readonly Buffer[]): Generator<Buffer> {
  const lines = new LineSplitter();
  for (const chunk of chunks) {
    lines.give(chunk);
    for (let line = lines.next(); line; line = lines.next()) yield line;
  }
  const last = lines.last();
  if (last) yield last;
}

function linesOf(pieces: readonly Buffer[]): string[] {
  const lines: string[] = [];
  for (const line of splitLines(pieces)) lines.push(line.toString());
  return lines;
}

describe('LineSplitter', () => {
  test('the lines are the same however the bytes are cut', () => {
    const lines = fc.array(fc.stringMatching(/^[a-zé]{0,12}$/), { maxLength: 8 });
    fc.assert(
      fc.property(lines, fc.array(fc.nat(120), { maxLength: 8 }), (wanted, cuts) => {
        const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''));
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        expect(linesOf(places.slice(1).map((end, n) => bytes.subarray(places[n], end)))).toEqual(wanted);
      }),
    );
  });

  test('a last line needs no end', () => {
    expect(linesOf([Buffer.from('a\nb'), Buffer.from('c')])).toEqual(['a', 'bc']);
  });

  test('lines longer than every chunk come whole, and the longest one cut off just above the limit', () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const long = [...Array<Buffer>(16).fill(chunk), Buffer.from('\n')];
    const endless = [...Array<Buffer>(64).fill(chunk), Buffer.from('\nshort\n')];
    const found = linesOf([...long, ...endless, ...long]).map(({ length }) => length);
    expect(found).toEqual([MAX_DOCUMENT_BYTES, MAX_DOCUMENT_BYTES + 1, 5, MAX_DOCUMENT_BYTES]);
  });
});
