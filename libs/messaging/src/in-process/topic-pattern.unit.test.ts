import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { matchesTopic } from './topic-pattern.js';

test.each([
  ['job.backup.failed', 'job.backup.failed', true],
  ['job.backup.failed', 'job.backup', false],
  ['job.backup', 'job.backup.failed', false],
  ['job.*.failed', 'job.restore.failed', true],
  ['job.*.failed', 'job.failed', false],
  ['job.*', 'job.restore.failed', false],
  ['job.#', 'job', true],
  ['job.#', 'job.restore.failed', true],
  ['#.failed', 'failed', true],
  ['#.failed', 'job.restore.failed', true],
  ['#.failed', 'job.failed.restore', false],
  ['#', 'anything.at.all', true],
  ['*.#.*', 'one', false],
  ['*.#.*', 'one.two', true],
  ['job.b*', 'job.backup', false],
])('%s on %s is %p', (pattern, key, matches) => {
  expect(matchesTopic(pattern, key)).toBe(matches);
});

const WILDCARDS = new Map([
  ['*', '\\.[abc]'],
  ['#', '(\\.[abc])*'],
]);
const word = fc.constantFrom('a', 'b', 'c');

test('a pattern of words and stars says what the same regular expression says', () => {
  const words = fc.array(fc.oneof(word, fc.constantFrom('*', '#')), { minLength: 1, maxLength: 6 });
  const key = fc.array(word, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(words, key, (patternWords, keyWords) => {
      const source = patternWords.map((each) => WILDCARDS.get(each) ?? `\\.${each}`);
      const expected = new RegExp(`^${source.join('')}$`).test(`.${keyWords.join('.')}`);
      expect(matchesTopic(patternWords.join('.'), keyWords.join('.'))).toBe(expected);
    }),
  );
});
