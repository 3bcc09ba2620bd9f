import { describe, expect, test } from '@jest/globals';

import { BatchMemory } from './batch-memory.js';

/** Takes memory of these sizes and fills each piece with its number. */
function taken(memory: BatchMemory, sizes: readonly number[]): Buffer[] {
  return sizes.map((size, number) => memory.take(size).fill(number + 1));
}

describe('BatchMemory', () => {
  test('gives every caller bytes of its own, of any size', () => {
    const sizes = [0, 1, 70_000, 3, 5_000_000, 65_536, 1, 200_000];
    const pieces = taken(new BatchMemory(), sizes);
    expect(pieces.map(({ length }) => length)).toEqual(sizes);
    pieces.forEach((piece, number) => expect(piece.every((byte) => byte === number + 1)).toBe(true));
  });

  test('asks for no more memory for the same batch again', () => {
    const memory = new BatchMemory();
    const sizes = Array.from({ length: 1000 }, (_, number) => (number * 7919) % 20_000);
    const first = new Set(taken(memory, sizes).map(({ buffer }) => buffer));
    expect(first.size).toBeGreaterThan(1);
    for (let batch = 0; batch < 5; batch++) {
      memory.clear();
      for (const { buffer } of taken(memory, sizes)) expect(first.has(buffer)).toBe(true);
    }
  });

  test('holds no more than twice what a batch of many lines needs', () => {
    const blocks = new Set(taken(new BatchMemory(), Array<number>(10_000).fill(800)).map(({ buffer }) => buffer));
    const held = [...blocks].reduce((bytes, { byteLength }) => bytes + byteLength, 0);
    expect(held).toBeLessThan(2 * 8_000_000 + 65_536);
  });
});
