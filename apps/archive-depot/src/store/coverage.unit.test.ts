import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { Coverage } from './coverage.js';

const slice = fc.tuple(fc.nat(60), fc.nat(20)).map(([start, length]) => ({ start, end: Math.min(64, start + length) }));

test('covers the bytes that were added and no others, in slices that neither touch nor overlap', () => {
  fc.assert(
    fc.property(fc.array(slice), (slices) => {
      const coverage = slices.reduce((before, each) => before.with([each]), Coverage.NONE);
      const wanted = Array.from({ length: 64 }, (_, at) => slices.some(({ start, end }) => start <= at && at < end));
      expect(wanted.map((_, at) => coverage.at(at).covered)).toEqual(wanted);
      expect(coverage.bytes).toBe(wanted.filter(Boolean).length);
      expect(coverage.isWhole(64)).toBe(wanted.every(Boolean));
      coverage.slices.slice(1).forEach(({ start }, index) => {
        expect(start).toBeGreaterThan(coverage.slices[index]!.end);
      });
      expect(Coverage.of(slices)).toEqual(coverage);
    }),
  );
});

test('tells up to where it is the same', () => {
  const coverage = Coverage.of([
    { start: 10, end: 20 },
    { start: 30, end: 40 },
  ]);
  expect([0, 10, 19, 20, 35, 40].map((at) => coverage.at(at))).toEqual([
    { covered: false, until: 10 },
    { covered: true, until: 20 },
    { covered: true, until: 20 },
    { covered: false, until: 30 },
    { covered: true, until: 40 },
    { covered: false, until: Infinity },
  ]);
});

test.each([2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER - 8])('counts to the byte around %d', (at) => {
  const before = Coverage.of([{ start: 0, end: at }]);
  const behind = Coverage.of([{ start: at + 1, end: at + 8 }]);
  expect([before.bytes, behind.bytes]).toEqual([at, 7]);
  expect(before.with(behind.slices).isWhole(at + 8)).toBe(false);
  expect(before.with(behind.slices).at(at)).toEqual({ covered: false, until: at + 1 });
  expect(
    before
      .with(behind.slices)
      .with([{ start: at, end: at + 1 }])
      .isWhole(at + 8),
  ).toBe(true);
});

test('of nothing is whole at once', () => {
  expect(Coverage.NONE.isWhole(0)).toBe(true);
  expect(Coverage.NONE.isWhole(1)).toBe(false);
});
