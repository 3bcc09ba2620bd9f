import { describe, expect, test } from '@jest/globals';

import { partBytesAfter, planRanges } from './part-sizes.js';

const MIB = 1024 * 1024;

describe('ranges', () => {
  test('cover every page once, the last one open-ended', () => {
    expect(planRanges({ pages: 0, toastBytes: 0 }, 8192)).toEqual([{ from: '0', to: null }]);
    expect(planRanges({ pages: 5, toastBytes: 0 }, 2 * 8192)).toEqual([
      { from: '0', to: '2' },
      { from: '2', to: '4' },
      { from: '4', to: null },
    ]);
  });

  test('have fewer pages where much of the rows lies elsewhere', () => {
    const few = { pages: 40, toastBytes: 0 };
    expect(planRanges(few, 8 * MIB)).toHaveLength(1);
    expect(planRanges({ ...few, toastBytes: 300 * MIB }, 8 * MIB)).toHaveLength(40);
    expect(planRanges({ ...few, toastBytes: 30 * MIB }, 8 * MIB)).toHaveLength(4);
  });
});

test('parts are of the size that was set in an index of some gigabytes, and never over 512 MiB', () => {
  expect(partBytesAfter(0, 8 * MIB)).toBe(8 * MIB);
  expect(partBytesAfter(499, 8 * MIB)).toBe(8 * MIB);
  expect(partBytesAfter(500, 8 * MIB)).toBe(16 * MIB);
  expect(partBytesAfter(20_000, 8 * MIB)).toBe(512 * MIB);
});
