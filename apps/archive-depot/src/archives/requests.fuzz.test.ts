import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { chunkOf, parseContentRange } from '../ranges/content-range.js';
import { contentRangeOf, parseRange } from '../ranges/range.js';
import { fileNameOf, nameOfFile, parseArchiveName } from './archive-name.js';
import { matches, matchesWeakly, preconditionOf } from './preconditions.js';

const MAX = Number.MAX_SAFE_INTEGER;
const numbers = ['0', '1', '9', '99', '100', '00', `${MAX - 1}`, `${MAX}`, '9'.repeat(400)];
const pieces = ['bytes=', 'bytes ', 'Bytes', ' ', '\t', '-', '=', ',', '/', '*', ...numbers];
const sizes = fc.constantFrom(0, 1, 100, 2 ** 31, 2 ** 32, MAX);
const number = fc.constantFrom(...numbers);
const range = fc.oneof(
  textOf(pieces, 10),
  fc
    .tuple(fc.oneof(number, fc.constant('')), fc.oneof(number, fc.constant('')))
    .map(([first, last]) => `bytes=${first}-${last}`),
);

test('a range to be sent lies in the archive, and reads back as it was', async () => {
  await fuzz(
    'range',
    fc.tuple(range, sizes, fc.constantFrom('INCLUSIVE', 'EXCLUSIVE')),
    async ([header, total, dialect]) => {
      const outcome = await outcomeOf(() => parseRange(header, total, dialect));
      if ('code' in outcome) throw new Error('a Range header is never refused');
      const slice = outcome.value;
      if (typeof slice === 'string') return outcome;
      expect(0 <= slice.start && slice.start < slice.end && slice.end <= total).toBe(true);
      const answered = contentRangeOf(slice, total, dialect);
      expect(parseRange(answered.replace(/ (.*)\/.*/, '=$1'), total, dialect)).toEqual(slice);
      return outcome;
    },
  );
});

const contentRange = fc.oneof(
  textOf(pieces, 10),
  fc.tuple(number, number, number).map(([start, end, total]) => `bytes ${start}-${end}/${total}`),
);

test('a chunk that is taken lies within its total, any other has its code', async () => {
  await fuzz(
    'content-range of a PUT',
    fc.tuple(contentRange, fc.option(sizes, { nil: undefined })),
    async ([header, length]) => {
      const outcome = await outcomeOf(() => chunkOf(parseContentRange(header), length));
      if ('code' in outcome) {
        expect(outcome.code).toBe('PARAMETER_INVALID');
        return outcome;
      }
      const { start, leastEnd, mostEnd, total } = outcome.value;
      expect(0 <= start && start <= leastEnd && leastEnd <= mostEnd && mostEnd <= total && total <= MAX).toBe(true);
      expect(start < leastEnd || total === 0).toBe(true);
      if (length !== undefined) expect([leastEnd - start, mostEnd - start]).toEqual([length, length]);
      return outcome;
    },
  );
});

test('the name of an archive is one file in its folder', async () => {
  const names = textOf(['a', '/', '.', '..', '%2F', '%2e', '%', '%00', '%5C', '~', 'b.zip', '%C3', 'x'.repeat(239)], 8);
  await fuzz('archive name', names, async (encoded) => {
    const outcome = await outcomeOf(() => parseArchiveName(encoded));
    if ('code' in outcome) {
      expect(outcome.code).toBe('LINK_INVALID');
      return outcome;
    }
    const file = fileNameOf(outcome.value);
    expect(file).toMatch(/^[A-Za-z0-9_][^/\\\0]*$/);
    expect(Buffer.byteLength(file)).toBeLessThanOrEqual(255);
    expect(nameOfFile(file)).toBe(outcome.value);
    return outcome;
  });
});

test('conditions are met or are not', async () => {
  const etag = '"abc"';
  const lists = textOf(['"abc"', 'W/', '*', ',', ' ', '"', 'abc', '""'], 10);
  await fuzz(
    'conditions',
    fc.tuple(lists, lists, fc.constantFrom(undefined, etag)),
    async ([wanted, unwanted, there]) => {
      if (matches(wanted, etag)) expect(matchesWeakly(wanted, etag)).toBe(true);
      if (matchesWeakly(wanted, etag)) expect(wanted.includes(etag) || wanted.trim() === '*').toBe(true);
      const check = preconditionOf({ 'if-match': wanted, 'if-none-match': unwanted });
      const outcome = await outcomeOf(() => check(there));
      if ('code' in outcome) expect(outcome.code).toBe('VERSION_MISMATCH');
      else expect(there).toBe(etag);
      return outcome;
    },
  );
});
