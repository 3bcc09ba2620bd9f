import { randomBytes } from 'node:crypto';
import { constants } from 'node:zlib';

import { MAX_PART_RAW_BYTES } from '../format/limits.js';
import type { Crafting } from './archives.test.js';
import { damagedPart, frameOf, GOOD, withPart, type BrokenArchive } from './breaking.test.js';

/** Support for the tests beside it (no test itself). Parts that are not what the manifest says, or no zstd frame of ours. */

const BLOCK_BYTES = 128 * 1024;

/** A frame of blocks that each say "this byte, 128 KiB times": 4 bytes a block, and a wrong checksum at its end. */
function frameOfOneByte(byte: string, blocks: number): Buffer {
  const repeated = (isLast: boolean): Buffer => {
    const block = Buffer.alloc(4, byte);
    block.writeUIntLE((BLOCK_BYTES << 3) | (1 << 1) | Number(isLast), 0, 3);
    return block;
  };
  return frameFrom(Buffer.concat(Array.from({ length: blocks }, (_, n) => repeated(n === blocks - 1))));
}

/** With its checksum said to be there, and a window of 128 KiB or the one given. */
function frameFrom(blocks: Buffer, { descriptor = 0b100, sizes = Buffer.of((17 - 10) << 3) } = {}): Buffer {
  return Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.of(descriptor), sizes, blocks, Buffer.alloc(4)]);
}

/** A part of that frame, which claims to be of so many bytes. */
function withFrame(content: Buffer, rawBytes: number): Crafting {
  return withPart(GOOD, { content, facts: { rawBytes } });
}

const GIB = MAX_PART_RAW_BYTES;
const LAST_EMPTY_BLOCK = Buffer.of(1, 0, 0);

export const BROKEN_PARTS: Record<string, BrokenArchive> = {
  'part-with-another-sum': damagedPart(
    'its SHA-256 is another one',
    withPart(GOOD, { facts: { sha256: '0'.repeat(64) } }),
  ),
  bomb: damagedPart('more than its 1000 bytes of rows', withPart(GOOD.repeat(400_000), { facts: { rawBytes: 1000 } })),
  'two-frames': damagedPart(
    'after its zstd frame',
    withPart(GOOD + GOOD, { content: Buffer.concat([frameOf(GOOD), frameOf(GOOD)]) }),
  ),
  'bytes-behind-the-frame': damagedPart(
    'after its zstd frame',
    withPart(GOOD, { content: Buffer.concat([frameOf(GOOD), Buffer.of(0)]) }),
  ),
  'frame-cut-off': damagedPart('frame is cut off', withPart(GOOD, { content: frameOf(GOOD).subarray(0, -3) })),
  'frame-of-noise': damagedPart('does not begin as a zstd frame', withPart(GOOD, { content: randomBytes(100) })),
  'window-too-large': damagedPart('window over', {
    ...withPart(GOOD.repeat(500_000), { content: frameOf(GOOD.repeat(500_000), { [constants.ZSTD_c_windowLog]: 24 }) }),
  }),
  'no-line-end': damagedPart('line 2: it has no line end', withPart(GOOD + GOOD.trimEnd(), { facts: { rows: 2 } })),
  'carriage-return': damagedPart('line 1: it has a carriage return', withPart(GOOD.replace('{}', '{"a":"\r"}'))),
  'end-mark-of-copy': damagedPart('line 2: it does not start with /', withPart(`${GOOD}\\.\n${GOOD}`)),
  'six-columns': damagedPart('fewer than seven columns', withPart('/a\t0\t1\tPUT\t\\N\t{}\n')),
  'eight-columns': damagedPart('body does not start with {', withPart('/a\t0\t1\tPUT\t\\N\t\\N\t\\N\t{}\n')),
  'wrong-row-count': damagedPart('its rows is 1 and should be 2', withPart(GOOD, { facts: { rows: 2 } })),
  'wrong-stamps': damagedPart('its maxUpdateTimeMicros is 1', withPart(GOOD, { facts: { maxUpdateTimeMicros: 2 } })),
};

export const BOMBS: Record<string, BrokenArchive> = {
  'bomb-of-a-gibibyte-undeclared': damagedPart(
    'more than its 1000 bytes of rows',
    withFrame(frameOfOneByte('/', GIB / BLOCK_BYTES), 1000),
  ),
  'bomb-of-a-gibibyte-in-one-line': damagedPart(
    'line 1: it is over',
    withFrame(frameOfOneByte('/', GIB / BLOCK_BYTES), GIB),
  ),
  'bomb-of-a-gibibyte-of-line-ends': damagedPart(
    'line 1: it does not start with /',
    withFrame(frameOfOneByte('\n', GIB / BLOCK_BYTES), GIB),
  ),
  'bomb-of-empty-blocks': {
    ...damagedPart(
      'cannot be decoded',
      withFrame(frameFrom(Buffer.concat([Buffer.alloc(3_000_000), LAST_EMPTY_BLOCK])), 24),
    ),
    mayAsk: 4_000_000,
  },
  'window-of-terabytes': damagedPart(
    'window over',
    withFrame(frameFrom(LAST_EMPTY_BLOCK, { sizes: Buffer.of(0xff) }), 24),
  ),
  'content-size-of-all-bits': damagedPart(
    'window over',
    withFrame(frameFrom(LAST_EMPTY_BLOCK, { descriptor: 0b11100100, sizes: Buffer.alloc(8, 0xff) }), 24),
  ),
  'content-size-that-lies': damagedPart(
    'cannot be decoded',
    withFrame(frameFrom(LAST_EMPTY_BLOCK, { descriptor: 0b00100100, sizes: Buffer.of(24) }), 24),
  ),
  'frame-with-a-dictionary': damagedPart(
    'a dictionary or unknown flags',
    withFrame(frameFrom(LAST_EMPTY_BLOCK, { descriptor: 0b101 }), 24),
  ),
  'frame-that-is-skipped': damagedPart(
    'does not begin as a zstd frame',
    withFrame(Buffer.concat([Buffer.from('502a4d1804000000', 'hex'), Buffer.alloc(4), frameOf(GOOD)]), GOOD.length),
  ),
  'block-of-no-kind': damagedPart('an impossible block', withFrame(frameFrom(Buffer.of(7, 0, 0)), 24)),
  'block-over-its-limit': damagedPart('an impossible block', withFrame(frameFrom(Buffer.of(1, 0, 0xf0)), 24)),
  'frame-checksum-wrong': damagedPart(
    'cannot be decoded',
    withFrame(Buffer.concat([frameOf(GOOD).subarray(0, -4), Buffer.alloc(4)]), GOOD.length),
  ),
};
