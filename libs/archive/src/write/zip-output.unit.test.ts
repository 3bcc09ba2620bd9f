import { Writable } from 'node:stream';

import { describe, expect, test } from '@jest/globals';

import { END, END_BYTES, IN_ZIP64_32, ZIP64_END_BYTES, ZIP64_LOCATOR_BYTES } from '../format/zip-layout.js';
import { sha256Of } from '../format/sha256.js';
import { SourceReader } from '../read/source-reader.js';
import { readDirectory } from '../read/zip-directory.js';
import { findZipEnd } from '../read/zip-end.js';
import { checkedEntry } from '../read/zip-entry.js';
import { written } from '../testing/archives.test.js';
import { sparseSource } from '../testing/sparse-bytes.test.js';
import { memorySink } from '../testing/streams.test.js';
import { ZipOutput } from './zip-output.js';
import { directory } from './zip-records.js';

/** Parts whose content is nothing but bytes that do not depend on a zstd library. */
function partOf(
  bytes: number,
  first: number,
): { facts: Parameters<typeof written>[0][number]['facts']; content: Buffer } {
  const content = Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (first + at * at) % 251));
  const facts = { rows: 1, bytes, rawBytes: bytes, minUpdateTimeMicros: 1, maxUpdateTimeMicros: 2 };
  return { facts: { ...facts, sha256: sha256Of(content) }, content };
}

describe('the bytes of an archive', () => {
  test('are the ones that they always were', async () => {
    const { zip } = await written([partOf(9, 1), partOf(40_000, 2), partOf(300_000, 3)]);
    expect(sha256Of(zip)).toBe('25c47565f107cc2720601a5fb3e97e50c0c1652614b13b8c7b76f26c41575a0f');
  });

  test('are the same however a part comes in pieces', async () => {
    const whole = partOf(100_000, 4);
    const { zip } = await written([whole]);
    for (const bytes of [1, 1000, 16 * 1024, 65_537]) {
      const content = Array.from({ length: Math.ceil(100_000 / bytes) }, (_, piece) =>
        whole.content.subarray(piece * bytes, (piece + 1) * bytes),
      );
      expect(sha256Of((await written([{ facts: whole.facts, content }])).zip)).toBe(sha256Of(zip));
    }
  });
});

describe('a directory', () => {
  const entry = { name: 'parts/000001.copy.zst', isDescribed: true, crc32: 7, size: 100 };

  /** As the reader finds it behind that many bytes of entries, of which it looks at none. */
  async function readBack(offsets: readonly number[], offset: number): Promise<unknown[]> {
    const bytes = directory(
      offsets.map((at) => ({ ...entry, offset: at })),
      offset,
    );
    const reader = new SourceReader(sparseSource({ size: offset + bytes.length, pieces: [{ at: offset, bytes }] }));
    const end = await findZipEnd(reader);
    expect(end.directoryOffset).toBe(offset);
    return (await readDirectory(reader, end, 10)).map(checkedEntry);
  }

  test.each([0, 1000, IN_ZIP64_32 - 1, IN_ZIP64_32, IN_ZIP64_32 + 1, 2 ** 40])(
    'and its entries are found at byte %d',
    async (offset) => {
      const read = await readBack([0, offset], offset + 1);
      expect(read).toMatchObject([
        { offset: 0, size: 100, crc32: 7 },
        { offset, size: 100, crc32: 7 },
      ]);
      await readBack([0], offset);
    },
  );

  test('has no zip64 records where it needs none', () => {
    expect(directory([], IN_ZIP64_32 - 1)).toHaveLength(END_BYTES);
    const large = directory([], IN_ZIP64_32);
    expect(large).toHaveLength(ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES + END_BYTES);
    expect(large.readUInt32LE(ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES)).toBe(END);
  });
});

describe('ZipOutput', () => {
  /** Looks at what it was given only when it calls back for it. */
  function lateOutput(): Writable & { bytes(): Buffer } {
    const taken: Buffer[] = [];
    const late = new Writable({
      highWaterMark: 1024 * 1024,
      write(chunk: Buffer, _encoding, done): void {
        setImmediate(() => {
          taken.push(Buffer.from(chunk));
          done();
        });
      },
    });
    return Object.assign(late, { bytes: () => Buffer.concat(taken) });
  }

  async function zipOf(output: Writable & { bytes(): Buffer }, memoryOf: (bytes: number) => Buffer): Promise<string> {
    const zip = new ZipOutput(output);
    for (const [index, size] of [5, 20_000, 300_000, 100, 70_000].entries()) {
      await zip.append(`buffer-${index}`, memoryOf(size).fill(index + 1));
      const content = memoryOf(size).fill(index + 11);
      await zip.append(`pieces-${index}`, [content.subarray(0, size >> 1), content.subarray(size >> 1)]);
    }
    await zip.finish();
    return sha256Of(output.bytes());
  }

  test('has done with the memory of a content when it has been appended', async () => {
    const memory = Buffer.alloc(300_000);
    const used = await zipOf(lateOutput(), (bytes) => memory.subarray(0, bytes));
    expect(used).toBe(await zipOf(memorySink(), (bytes) => Buffer.alloc(bytes)));
  });

  test('writes records and small contents together with what follows', async () => {
    const writes: number[] = [];
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        writes.push(chunk.length);
        done();
      },
      writev: (chunks: { chunk: Buffer }[], done) => {
        writes.push(chunks.reduce((bytes, { chunk }) => bytes + chunk.length, 0));
        done();
      },
    });
    const zip = new ZipOutput(output);
    await zip.append('a', Buffer.alloc(100));
    await zip.append('b', [Buffer.alloc(50_000)]);
    await zip.append('c', [Buffer.alloc(50_000)]);
    await zip.finish();
    expect(writes).toEqual([31 + 100 + 31 + 50_000, 16 + 31 + 50_000, 16 + 3 * 47 + 22]);
  });
});
