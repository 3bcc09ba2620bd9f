import { expect, test } from '@jest/globals';

import { contentRange, parseContentRange, parseUnsatisfiedRange } from './content-range.js';

test.each([2 ** 31, 2 ** 32, 2 ** 53 - 2])('ranges around %d are written and read to the byte', (at) => {
  const written = contentRange(at - 1, at + 1, at + 1);
  expect(written).toBe(`bytes ${at - 1}-${at}/${at + 1}`);
  expect(parseContentRange(written)).toEqual({ start: at - 1, end: at, total: at + 1 });
  expect(contentRange(at, at + 1, at + 1)).toBe(`bytes ${at}-${at}/${at + 1}`);
  expect(parseUnsatisfiedRange(`bytes */${at + 1}`)).toBe(at + 1);
});

test.each(['9007199254740992', '18446744073709551616', '9'.repeat(400)])('%s is no number of bytes', (many) => {
  expect(parseContentRange(`bytes 0-1/${many}`)).toBeUndefined();
  expect(parseContentRange(`bytes 0-${many}/*`)).toBeUndefined();
  expect(parseUnsatisfiedRange(`bytes */${many}`)).toBeUndefined();
});

test.each([
  ['bytes 0-0/1', { start: 0, end: 0, total: 1 }],
  ['bytes 5-9/*', { start: 5, end: 9, total: undefined }],
  [' Bytes 5-9/10 ', { start: 5, end: 9, total: 10 }],
  ['bytes 9-5/10', undefined],
  ['bytes 0-9007199254740992/9007199254740993', undefined],
  ['bytes */10', undefined],
  ['bytes -5/10', undefined],
  ['items 0-1/2', undefined],
  ['', undefined],
  [undefined, undefined],
])('%j is %j', (header, range) => {
  expect(parseContentRange(header)).toEqual(range);
});

test('a 416 tells the size', () => {
  expect(parseUnsatisfiedRange('bytes */0')).toBe(0);
  expect(parseUnsatisfiedRange('bytes */17')).toBe(17);
  expect(parseUnsatisfiedRange('bytes 0-1/17')).toBeUndefined();
});
