import { describe, expect, test } from '@jest/globals';

import { contentRangeOf, dialectOf, parseRange } from './range.js';

const GONE = 'UNSATISFIABLE';
const HUGE = '9'.repeat(400);

describe('a Range header, of 1000 bytes', () => {
  test.each([
    ['bytes=0-99', [0, 100]],
    ['bytes=999-999', [999, 1000]],
    ['bytes=0-0', [0, 1]],
    ['bytes=900-5000', [900, 1000]],
    ['bytes=0-', [0, 1000]],
    ['bytes=999-', [999, 1000]],
    ['bytes=-1', [999, 1000]],
    ['bytes=-5000', [0, 1000]],
    [`bytes=-${HUGE}`, [0, 1000]],
    [`bytes=10-${HUGE}`, [10, 1000]],
    ['Bytes = 1 - 2 ', [1, 3]],
    ['bytes=0001-0002', [1, 3]],
    ['bytes\t=\t- 9 ', [991, 1000]],
    ['bytes= 5 - ', [5, 1000]],
  ])('%s', (header, [start, end]) => {
    expect(parseRange(header, 1000)).toEqual({ start, end });
  });

  test.each(['bytes=1000-', 'bytes=1000-2000', 'bytes=-0', `bytes=${HUGE}-`, `bytes=${HUGE}-${HUGE}`])(
    '%s is of nothing that is there',
    (header) => {
      expect(parseRange(header, 1000)).toBe(GONE);
    },
  );

  test.each([
    undefined,
    '',
    'bytes=',
    'bytes=-',
    'bytes',
    'bytes 0-99',
    'bytes=5-3',
    'bytes=9007199254740993-9007199254740992',
    'bytes=0-1,5-6',
    'bytes=0-1,',
    'bytes=a-b',
    'bytes=0x1-2',
    'bytes=--5',
    'bytes=1-2-3',
    'items=0-5',
    'bytes=0-5;x',
    'bytes=١-٢',
  ])('%s is not followed', (header) => {
    expect(parseRange(header, 1000)).toBe('WHOLE');
  });
});

test('16 KiB of blanks take no time', () => {
  const blanks = ' '.repeat(8_000);
  const begun = performance.now();
  for (const header of [`bytes=${blanks}x`, `bytes=${blanks}-${blanks}x`, `bytes=1-${blanks}x`]) {
    for (let n = 0; n < 1000; n++) expect(parseRange(header, 1000)).toBe('WHOLE');
  }
  expect(performance.now() - begun).toBeLessThan(10_000); // minutes, if each blank were looked at again from each
});

test('of no bytes nothing is there', () => {
  expect(['bytes=0-0', 'bytes=0-', 'bytes=-5'].map((header) => parseRange(header, 0))).toEqual([GONE, GONE, GONE]);
});

describe('the ancestor’s', () => {
  test.each([
    ['bytes=0-524288', 22_951_939, [0, 524_288], 'bytes 0-524288/22951939'],
    ['bytes=22544384-23068672', 22_951_939, [22_544_384, 22_951_939], 'bytes 22544384-22951939/22951939'],
    ['bytes=0-524288', 300, [0, 300], 'bytes 0-300/300'],
  ])('%s of %d', (header, total, [start, end], answered) => {
    const slice = { start, end };
    expect(parseRange(header, total, 'EXCLUSIVE')).toEqual(slice);
    expect(contentRangeOf(slice as { start: number; end: number }, total, 'EXCLUSIVE')).toBe(answered);
  });

  test('is told by its name', () => {
    expect(dialectOf('ServiceHost/b6fb48b7')).toBe('EXCLUSIVE');
    for (const other of [undefined, '', 'curl/8', 'x ServiceHost/1', 'servicehost']) {
      expect(dialectOf(other)).toBe('INCLUSIVE');
    }
  });
});

test.each([2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER - 4])('around %d to the byte', (border) => {
  const total = border + 4;
  for (const start of [border - 2, border - 1, border, border + 1]) {
    const slice = { start, end: start + 2 };
    expect(parseRange(`bytes=${start}-${start + 1}`, total)).toEqual(slice);
    expect(parseRange(`bytes=${start}-${start + 2}`, total, 'EXCLUSIVE')).toEqual(slice);
    expect(contentRangeOf(slice, total, 'INCLUSIVE')).toBe(`bytes ${start}-${start + 1}/${total}`);
  }
  expect(parseRange(`bytes=${total - 1}-${total}`, total)).toEqual({ start: total - 1, end: total });
  expect(parseRange(`bytes=${total}-`, total)).toBe(GONE);
  expect(parseRange('bytes=-3', total)).toEqual({ start: total - 3, end: total });
});
