import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { MAX_DOCUMENT_BYTES } from '@tidemark/contracts';

import { linesOf } from './lines-of.fixture.test.js';

function textsOf(pieces: readonly Buffer[]): string[] {
  const texts: string[] = [];
  for (const line of linesOf(pieces)) texts.push(line.toString());
  return texts;
}

describe('LineSplitter', () => {
  test('the lines are the same however the bytes are cut', () => {
    const lines = fc.array(fc.stringMatching(/^[a-zé]{0,12}$/), { maxLength: 8 });
    fc.assert(
      fc.property(lines, fc.array(fc.nat(120), { maxLength: 8 }), (wanted, cuts) => {
        const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''));
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        expect(textsOf(places.slice(1).map((end, n) => bytes.subarray(places[n], end)))).toEqual(wanted);
      }),
    );
  });

  test('a last line needs no end', () => {
    expect(textsOf([Buffer.from('a\nb'), Buffer.from('c')])).toEqual(['a', 'bc']);
  });

  test('lines longer than every chunk come whole, and the longest one cut off just above the limit', () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const long = [...Array<Buffer>(16).fill(chunk), Buffer.from('\n')];
    const endless = [...Array<Buffer>(64).fill(chunk), Buffer.from('\nshort\n')];
    const found = textsOf([...long, ...endless, ...long]).map(({ length }) => length);
    expect(found).toEqual([MAX_DOCUMENT_BYTES, MAX_DOCUMENT_BYTES + 1, 5, MAX_DOCUMENT_BYTES]);
  });
});
