import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { BatchMemory, type FreeBlocks } from './batch-memory.js';

/** Appends pieces of these sizes, each filled with its number. */
function fill(memory: BatchMemory, sizes: readonly number[]): void {
  sizes.forEach((size, number) => memory.append(Buffer.alloc(size, number + 1)));
}

function bytesOf(blocks: FreeBlocks): number {
  return blocks.reduce((bytes, { buffer }) => bytes + buffer.byteLength, 0);
}

describe('BatchMemory', () => {
  test('gives back what was put in, piece by piece, however large the pieces and the places for them', () => {
    const sizes = [0, 1, 70_000, 3, 5_000_000, 65_536, 1, 200_000];
    const memory = new BatchMemory([]);
    let start = 0;
    sizes.forEach((size, number) => {
      memory.append(Buffer.alloc(size + 10, number + 1), 5, size + 5);
      expect(memory.length).toBe(start + size);
      start += size;
    });
    let place = 0;
    sizes.forEach((size, number) => {
      const target = Buffer.alloc(size + 20);
      expect(memory.copy(target, 7, { start: place, end: place + size })).toBe(size);
      expect(target.subarray(7, size + 7).every((byte) => byte === number + 1)).toBe(true);
      expect(target.subarray(size + 7).every((byte) => byte === 0)).toBe(true);
      place += size;
    });
    expect(memory.copy(Buffer.alloc(100), 40, { start: 0, end: 200_000 })).toBe(60);
  });

  test('bytes one by one and pieces are one text', () => {
    const piece = fc.uint8Array({ maxLength: 40_000 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const memory = new BatchMemory([]);
        pieces.forEach((bytes, n) =>
          n % 2 ? bytes.forEach((byte) => memory.push(byte)) : memory.append(Buffer.from(bytes)),
        );
        const out = Buffer.alloc(memory.length);
        memory.copy(out, 0, { start: 0, end: memory.length });
        expect(out.equals(Buffer.concat(pieces))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('asks for no more memory for the same batch again, nor for another one after it', () => {
    const free: FreeBlocks = [];
    const [memory, other] = [new BatchMemory(free), new BatchMemory(free)];
    const sizes = Array.from({ length: 1000 }, (_, number) => (number * 7919) % 20_000);
    fill(memory, sizes);
    memory.clear();
    const first = new Set(free);
    expect(first.size).toBeGreaterThan(1);
    for (let batch = 0; batch < 5; batch++) {
      const next = batch % 2 ? other : memory;
      fill(next, [...sizes].reverse());
      next.clear();
      expect(new Set(free)).toEqual(first);
    }
  });

  test('holds hardly more than what is in it, whatever the sizes', () => {
    for (const size of [800, 65_537, 1_048_576]) {
      const free: FreeBlocks = [];
      const memory = new BatchMemory(free);
      fill(memory, Array<number>(Math.floor(8_000_000 / size)).fill(size));
      memory.clear();
      expect(bytesOf(free)).toBeLessThan(8_000_000 + 65_536);
    }
  });
});
