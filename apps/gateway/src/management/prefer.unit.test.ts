import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { parsePreferences } from './prefer.js';

describe('Prefer', () => {
  test.each([
    ['wait=10', 10, 'wait=10'],
    ['WAIT = 10', 10, 'wait=10'],
    ['wait="10"', 10, 'wait=10'],
    ['wait="1\\0"', 10, 'wait=10'],
    ['wait= 10 ; x', 10, 'wait=10'],
    ['wait = , respond-async ;', 0, 'respond-async'],
    ['wait=0', 0, 'wait=0'],
    ['wait=600', 600, 'wait=600'],
    ['wait=601', 600, 'wait=600'],
    ['wait=999999999', 600, 'wait=600'],
    ['return=minimal, wait=10', 10, 'wait=10'],
    ['return=minimal,wait=10;x=1 ; y="a;b,c"', 10, 'wait=10'],
    ['foo="a, wait=5, \\" b"; z, wait=10', 10, 'wait=10'],
    ['foo; wait=5', undefined, undefined],
    ['wait=10, wait=20', 10, 'wait=10'],
    ['wait=x, wait=20', undefined, undefined],
    ['respond-async', 0, 'respond-async'],
    ['respond-async, wait=10', 10, 'respond-async, wait=10'],
    ['wait=10, Respond-Async; a', 10, 'respond-async, wait=10'],
    ['', undefined, undefined],
    ['wait', undefined, undefined],
    ['wait=', undefined, undefined],
    ['wait=-1', undefined, undefined],
    ['wait=1.5', undefined, undefined],
    ['wait=1e2', undefined, undefined],
    ['wait=0x10', undefined, undefined],
    ['wait=1000000000000', undefined, undefined],
    ['wait=10 20', undefined, undefined],
    ['"wait=10"', undefined, undefined],
    ['await=10', undefined, undefined],
  ])('%s', (header, waitSeconds, applied) => {
    expect(parsePreferences(header)).toEqual({ waitSeconds, applied });
  });

  test('that comes several times is one list', () => {
    expect(parsePreferences(['a', 'wait=3', 'wait=4']).waitSeconds).toBe(3);
    expect(parsePreferences(undefined)).toEqual({ waitSeconds: undefined, applied: undefined });
  });

  test('of any text is read, and never waits too long', () => {
    const pieces = fc.constantFrom('wait', '=', '10', '"', '\\', ',', ';', ' ', 'respond-async', 'x', '999');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        const { waitSeconds = 0 } = parsePreferences(parts.join(''));
        expect(waitSeconds).toBeGreaterThanOrEqual(0);
        expect(waitSeconds).toBeLessThanOrEqual(600);
      }),
    );
  });

  test('of 16 KiB of quotes takes no time', () => {
    expect(parsePreferences('"'.repeat(16_383)).waitSeconds).toBeUndefined();
    expect(parsePreferences('"\\'.repeat(8000)).waitSeconds).toBeUndefined();
    const begun = performance.now();
    for (const header of [`a${' '.repeat(16_000)}"`, `a=${' '.repeat(16_000)}"`, `a=b${' '.repeat(16_000)}"`]) {
      for (let n = 0; n < 1000; n++) expect(parsePreferences(header).waitSeconds).toBeUndefined();
    }
    expect(performance.now() - begun).toBeLessThan(10_000); // minutes, if each blank were looked at again from each
  });
});
