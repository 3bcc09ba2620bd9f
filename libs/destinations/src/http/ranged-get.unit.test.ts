import { expect, test } from '@jest/globals';

import { endsOf } from './ranged-get.js';

test.each([0, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER - 10])(
  'the bytes that came tell the dialect of an answer around %d',
  (at) => {
    for (const start of [at, at + 1, at + 9]) {
      const range = { start, end: at + 10, total: undefined };
      const between = at + 10 - start;
      expect(endsOf(range, between + 1)).toBe('INCLUSIVE');
      expect(endsOf(range, between)).toBe('EXCLUSIVE');
      expect(endsOf(range, between - 1)).toBeUndefined();
      expect(endsOf(range, between + 2)).toBeUndefined();
    }
  },
);
