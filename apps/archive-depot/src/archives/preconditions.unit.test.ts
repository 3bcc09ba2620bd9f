import { expect, test } from '@jest/globals';

import { matches, matchesWeakly } from './preconditions.js';

test.each([
  ['"abc"', true, true],
  ['W/"abc"', false, true],
  ['"x", W/"abc" ', false, true],
  [' * ', true, true],
  ['"abcW/"', false, false],
  ['W/W/"abc"', false, false],
  ['abc', false, false],
  ['', false, false],
])('%s names "abc": strongly %j, weakly %j', (list, strongly, weakly) => {
  expect([matches(list, '"abc"'), matchesWeakly(list, '"abc"')]).toEqual([strongly, weakly]);
});
