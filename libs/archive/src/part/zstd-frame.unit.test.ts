import { randomBytes } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { FrameError, ZstdFrame } from './zstd-frame.js';

const params = { [constants.ZSTD_c_checksumFlag]: 1 };
const bodies: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['a run', Buffer.alloc(1_000_000, 'a')],
  ['text', Buffer.from('the same again and '.repeat(20_000))],
  ['noise', randomBytes(300_000)],
];

function walk(bytes: Buffer, chunk = bytes.length || 1): void {
  const frame = new ZstdFrame();
  for (let at = 0; at < bytes.length; at += chunk) frame.push(bytes.subarray(at, at + chunk));
  frame.end();
}

function problemOf(bytes: Buffer): string {
  try {
    walk(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError);
    return (error as Error).message;
  }
  return 'none';
}

/** A frame by hand: descriptor, then whatever. */
const frame = (...bytes: number[]): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]);

describe('ZstdFrame', () => {
  test.each(bodies)('walks through a frame of %s, in chunks of any size', (_name, body) => {
    for (const level of [1, 19]) {
      const compressed = zstdCompressSync(body, { params: { ...params, [constants.ZSTD_c_compressionLevel]: level } });
      for (const chunk of [1, 2, 3, 7, 4096, compressed.length]) walk(compressed, chunk);
    }
  });

  test('knows a frame cut anywhere', () => {
    const compressed = zstdCompressSync(Buffer.from('hello '.repeat(50)), { params });
    for (let length = 0; length < compressed.length; length++) {
      expect(problemOf(compressed.subarray(0, length))).toBe('its zstd frame is cut off');
    }
  });

  test('knows a byte too many, and a second frame', () => {
    const compressed = zstdCompressSync(Buffer.from('hello'), { params });
    expect(problemOf(Buffer.concat([compressed, Buffer.of(0)]))).toContain('after its zstd frame');
    expect(problemOf(Buffer.concat([compressed, compressed]))).toContain('after its zstd frame');
  });

  test.each([
    ['other bytes', Buffer.from('PK\x03\x04 and more'), 'does not begin as a zstd frame'],
    ['a skippable frame', Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]), 'does not begin as a zstd frame'],
    ['a dictionary', frame(0b101, 0, 0), 'dictionary or unknown flags'],
    ['a reserved flag', frame(0b1100, 0, 0), 'dictionary or unknown flags'],
    ['no checksum', zstdCompressSync(Buffer.from('hello')), 'no checksum'],
    ['a window of 16 MiB', frame(0b100, (24 - 10) << 3), 'window over'],
    ['a window just over 8 MiB', frame(0b100, ((23 - 10) << 3) | 1), 'window over'],
    ['a content of 9 MiB in one segment', frame(0b10100100, 0, 0, 0x90, 0), 'window over'],
    ['a content of 2^63 in one segment', frame(0b11100100, 0, 0, 0, 0, 0, 0, 0, 0x80), 'window over'],
    ['a reserved block type', frame(0b100, 0x48, 0b111, 0, 0), 'impossible block'],
    ['a block of 256 KiB', frame(0b100, 0x48, 0, 0, 0x20), 'impossible block'],
  ])('refuses %s', (_name, bytes, message) => {
    expect(problemOf(bytes)).toContain(message);
  });

  test('takes a window of exactly 8 MiB', () => {
    const compressed = zstdCompressSync(Buffer.alloc(20_000_000, 'ab'), {
      params: { ...params, [constants.ZSTD_c_windowLog]: 23 },
    });
    walk(compressed);
  });

  test('never fails otherwise than by a FrameError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        problemOf(Buffer.from(bytes));
        problemOf(frame(...bytes));
      }),
    );
  });
});
