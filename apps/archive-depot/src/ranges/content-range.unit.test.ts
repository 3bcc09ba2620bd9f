import { describe, expect, test } from '@jest/globals';

import { chunkOf, parseContentRange, type Chunk } from './content-range.js';

const KIB = 1024;
const MAX = Number.MAX_SAFE_INTEGER;
const chunk = (header: string, length?: number): Chunk => chunkOf(parseContentRange(header), length);
const slice = (header: string, length?: number): [number, number] => {
  const { start, leastEnd, mostEnd } = chunk(header, length);
  expect(mostEnd).toBe(leastEnd);
  return [start, leastEnd];
};

describe('where the bytes of a PUT go', () => {
  test.each([
    ['bytes 0-99/1000', 100, [0, 100]],
    ['bytes 900-999/1000', 100, [900, 1000]],
    ['bytes 5-5/10', 1, [5, 6]],
    ['bytes 0-0/1', 1, [0, 1]],
    ['BYTES  0-99/1000 ', 100, [0, 100]],
    ['bytes 00-0099/0001000', 100, [0, 100]],
  ])('%s of %d bytes: by the RFC', (header, length, expected) => {
    expect(slice(header, length)).toEqual(expected);
  });

  test.each([
    ['bytes 0-524288/22951939', 512 * KIB, [0, 524_288]],
    ['bytes 1048576-1572864/22951939', 512 * KIB, [1_048_576, 1_572_864]],
    ['bytes 22544384-22951939/22951939', 407_555, [22_544_384, 22_951_939]],
    ['bytes 0-1/1', 1, [0, 1]],
    ['bytes 0-0/0', 0, [0, 0]],
  ])('%s of %d bytes: as the ancestor writes it', (header, length, expected) => {
    expect(slice(header, length)).toEqual(expected);
  });

  test.each([2 ** 31, 2 ** 32, 2 ** 33, MAX])('around %d to the byte', (border) => {
    for (const start of [border - 9, border - 8]) {
      const end = start + 8;
      const total = Math.min(border + 8, MAX);
      expect(slice(`bytes ${start}-${end - 1}/${total}`, 8)).toEqual([start, end]);
      expect(slice(`bytes ${start}-${end}/${total}`, 8)).toEqual([start, end]);
      expect(() => chunk(`bytes ${start}-${end}/${total}`, 7)).toThrow('is of 9 bytes and the body has 7');
      expect(() => chunk(`bytes ${start}-${end}/${total}`, 10)).toThrow('is of 9 bytes and the body has 10');
    }
  });

  test('without a length the end of the body decides, as far as the total lets it', () => {
    expect(chunk('bytes 10-20/100')).toEqual({ start: 10, leastEnd: 20, mostEnd: 21, total: 100 });
    expect(slice('bytes 10-100/100')).toEqual([10, 100]);
    expect(slice('bytes 10-10/100')).toEqual([10, 11]);
  });

  test.each([
    ['bytes 5-3/10', 1, 'ends before it starts'],
    ['bytes 0-10/10', 11, 'goes over its total'],
    ['bytes 10-10/10', 1, 'goes over its total'],
    ['bytes 10-11/10', 1, 'goes over its total'],
    ['bytes 5-5/10', 0, 'is of no byte'],
    ['bytes 0-0/0', 1, 'goes over its total'],
    ['bytes 0-99/1000', 0, 'is of 100 bytes and the body has 0'],
    [`bytes 0-${MAX}/${MAX}`, 5, `and the body has 5`],
  ])('%s of %d bytes is refused', (header, length, reason) => {
    expect(() => chunk(header, length)).toThrow(reason);
  });

  test.each([
    '',
    'bytes',
    'bytes 0-99',
    'bytes 0-99/',
    'bytes 0-99/*',
    'bytes */1000',
    'bytes -99/1000',
    'bytes 0-/1000',
    'bytes=0-99/1000',
    'bytes0-99/1000',
    'octets 0-99/1000',
    'bytes 0-99/1000, bytes 100-199/1000',
    'bytes 0-99/1000 x',
    'bytes 0 - 99/1000',
    'bytes -1-99/1000',
    'bytes +0-99/1000',
    'bytes 0x0-99/1000',
    'bytes 0-9.9/1000',
    'bytes 0-1e2/1000',
    'bytes ٠-٩/1000',
    'bytes 0-9007199254740991/9007199254740992',
    'bytes 0-99/99999999999999999999',
    `bytes 0-${'9'.repeat(5000)}/1000`,
  ])('%s is none', (header) => {
    expect(() => parseContentRange(header)).toThrow(expect.objectContaining({ code: 'PARAMETER_INVALID' }));
  });
});
