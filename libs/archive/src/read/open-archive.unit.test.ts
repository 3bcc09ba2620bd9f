import { once } from 'node:events';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { ByteSource } from '../byte-source.js';
import { decodePart } from '../part/decode-part.js';
import { archiveOf, crafted, HEADER, readThrough, written } from '../testing/archives.test.js';
import { zip64Extra } from '../testing/breaking.test.js';
import { BROKEN_ARCHIVES } from '../testing/broken-archives.fixture.test.js';
import { anyRow, copyText, factsOfRows, packed, row } from '../testing/rows.test.js';
import { wholeOf } from '../testing/sparse-bytes.test.js';
import { bytesOf, failureOf, lendingSource, memorySource, stalledReadable } from '../testing/streams.test.js';
import { openArchive } from './open-archive.js';

describe('openArchive', () => {
  test('gives back what was archived, whatever the rows and the chunks of the source', async () => {
    const histories = fc.array(fc.array(anyRow, { minLength: 1, maxLength: 8 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(histories, fc.integer({ min: 1, max: 5000 }), async (parts, chunkBytes) => {
        const stamps = parts.flat().map(({ stamp }) => stamp);
        fc.pre(Math.max(0, ...stamps) <= HEADER.snapshot.closedTimeMicros);
        const archive = await openArchive(memorySource(await archiveOf(...parts), chunkBytes));
        await archive.verify();
        for (const [index, rows] of parts.entries()) {
          const content = await bytesOf(archive.streamPart(index));
          const part = archive.parts[index]!;
          expect(part).toEqual({ name: part.name, ...factsOfRows(rows, content) });
          expect((await bytesOf(decodePart(archive.streamPart(index), part))).equals(copyText(rows))).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('reads an archive that other tools of ours wrote: crafted by the test’s own zip builder', async () => {
    await readThrough(await crafted());
    await readThrough(await crafted({ parts: [] }));
    await readThrough(await crafted({ end: { zip64: {} } }));
    const noDescriptors = await crafted({
      entries: (entries) => entries.map((entry) => ({ ...entry, descriptor: false })),
    });
    await readThrough(noDescriptors);
  });

  test('reads entries whose numbers are in zip64 form, as behind the fourth GiB', async () => {
    let offset = 0n;
    const zip = await crafted({
      entries: (entries) =>
        entries.map((entry) => {
          const size = BigInt(entry.content.length);
          const extra = zip64Extra(size, size, offset);
          offset += 30n + BigInt(entry.name.length) + size + (entry.descriptor ? 16n : 0n);
          const central = { versionNeeded: 45, size: 0xffffffff, storedSize: 0xffffffff, offset: 0xffffffff, extra };
          return { ...entry, central, local: { versionNeeded: entry.descriptor ? 20 : 10 } };
        }),
      end: { zip64: {} },
    });
    await readThrough(zip);
  });

  test('opens by one range when the archive is small, and reads a part by one', async () => {
    const source = memorySource(await archiveOf([row()], [row()]));
    const archive = await openArchive(source);
    expect(source.opened).toEqual([[0, source.size]]);
    await bytesOf(archive.streamPart(1));
    expect(source.opened).toHaveLength(2);
  });

  test('opens a large archive by a few ranges, never the parts', async () => {
    const large = await packed(
      Array.from({ length: 3000 }, (_, index) => row({ version: index, body: `{"n":"${String(Math.random())}"}` })),
    );
    const { zip } = await written(Array.from({ length: 30 }, () => large));
    const source = memorySource(zip);
    await openArchive(source);
    expect(source.opened.length).toBeLessThanOrEqual(4);
    expect(source.opened.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(80_000);
    expect(zip.length).toBeGreaterThan(500_000);
  });

  test('finds the end although a part holds bytes that look like one', async () => {
    const lookalike = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(40)]).toString('latin1');
    await readThrough(await crafted({ readme: `${lookalike}\n` }));
  });

  test('has no part beyond its parts', async () => {
    const archive = await openArchive(memorySource(await archiveOf([row()])));
    expect(() => archive.streamPart(1)).toThrow(RangeError);
  });

  test('verifies the parts that are asked for, and no others', async () => {
    const archive = await openArchive(memorySource(await archiveOf([row()], [row()], [row()])));
    const seen: number[] = [];
    await archive.verify({ depth: 'BYTES', places: [0, 2], onPart: (_part, index) => seen.push(index) });
    expect(seen).toEqual([0, 2]);
  });

  test('tells how far verifying is', async () => {
    const archive = await openArchive(memorySource(await archiveOf([row()], [row()])));
    for (const depth of ['BYTES', 'ROWS'] as const) {
      const seen: number[] = [];
      await archive.verify({ depth, onPart: (_part, index) => seen.push(index) });
      expect(seen).toEqual([0, 1]);
    }
  });

  test('at depth BYTES does not unpack the parts', async () => {
    const bomb = wholeOf(await BROKEN_ARCHIVES.bomb!.make());
    await (await openArchive(memorySource(bomb))).verify({ depth: 'BYTES' });
  });
});

describe('openArchive with limits', () => {
  const raw = Array.from({ length: 200 }, (_, version) => row({ version }));
  test.each([
    [{ maxParts: 1 }, 'the most are 5'],
    [{ maxManifestBytes: 100 }, 'over 100 bytes'],
    [{ maxPartRawBytes: 1000 }, 'declares over 1000 bytes'],
    [{ maxRatio: 2 }, 'over 2 times'],
  ])('%p', async (limits, message) => {
    const source = memorySource(await archiveOf(raw, raw));
    await openArchive(source);
    const error = await failureOf(openArchive(source, { limits }));
    expect(error).toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    expect(error.message).toContain(message);
  });
});

describe('verifying at depth BYTES', () => {
  const ways = [
    ['streams', memorySource],
    ['lent memory', (zip: Buffer, chunkBytes?: number): ByteSource => lendingSource(memorySource(zip, chunkBytes))],
  ] as const;

  test.each(ways)('finds every byte that changed in a part, whatever the chunks (%s)', async (_name, sourceOf) => {
    const zip = await archiveOf([row()], [row()]);
    const from = zip.indexOf('PK\x03\x04', zip.indexOf('parts/000001'));
    const to = zip.indexOf('PK\x03\x04', from + 1);
    for (const chunkBytes of [1, 7, 30, 1000])
      await (await openArchive(sourceOf(zip, chunkBytes))).verify({ depth: 'BYTES' });
    for (let at = from; at < to; at++) {
      zip[at]! ^= 1;
      const archive = await openArchive(sourceOf(zip, 1 + (at % 50)));
      const error = await failureOf(archive.verify({ depth: 'BYTES' }));
      expect(error).toMatchObject({ code: 'ARCHIVE_DAMAGED', entry: 'parts/000002.copy.zst' });
      zip[at]! ^= 1;
    }
  });

  test('holds a part against the SHA-256 of the manifest, where all else is right', async () => {
    const { facts, content } = await packed([row()]);
    const zip = await crafted({ parts: [{ facts: { ...facts, sha256: 'a'.repeat(64) }, content }] });
    for (const [, sourceOf] of ways) {
      const error = await failureOf((await openArchive(sourceOf(zip))).verify({ depth: 'BYTES' }));
      expect(error.message).toContain('its SHA-256 is another one');
    }
  });

  test('asks a source that lends for no stream of a part', async () => {
    const zip = await archiveOf([row()], [row()]);
    const source = memorySource(zip);
    const stream: ByteSource['stream'] = (offset, length) => source.stream(offset, length);
    const archive = await openArchive({ ...lendingSource(memorySource(zip)), stream });
    const { length } = source.opened;
    await archive.verify({ depth: 'BYTES' });
    expect(source.opened).toHaveLength(length);
  });
});

describe('openArchive when the source breaks', () => {
  const boom = new Error('reset by peer');

  const asItIs = (source: ByteSource): ByteSource => source;

  /** A source that does as `stream` does from the range `nth` on, counted from 1. */
  function sourceOf(zip: Buffer, nth: number, stream: ByteSource['stream']): ByteSource {
    const sound = memorySource(zip);
    let ranges = 0;
    return {
      size: zip.length,
      stream: (offset, length, signal) =>
        ++ranges >= nth ? stream(offset, length, signal) : sound.stream(offset, length, signal),
    };
  }

  async function openAndRead(source: ByteSource, signal?: AbortSignal): Promise<void> {
    const options = signal ? { signal } : {};
    await (await openArchive(source, options)).verify({ ...options, depth: source.lend ? 'BYTES' : 'ROWS' });
  }

  test.each([
    ['opening', 1, asItIs],
    ['reading a part', 2, asItIs],
    ['reading a part out of lent memory', 2, lendingSource],
  ])('in %s rejects with its error', async (_name, nth, reading) => {
    const source = sourceOf(await archiveOf([row()]), nth, () => {
      const stream = stalledReadable(Buffer.from('PK'));
      setImmediate(() => stream.destroy(boom));
      return stream;
    });
    expect(await failureOf(openAndRead(reading(source)))).toBe(boom);
  });

  test.each([
    ['opening', 1, asItIs],
    ['reading a part', 2, asItIs],
    ['reading a part out of lent memory', 2, lendingSource],
  ])('in %s by too few bytes rejects', async (_name, nth, reading) => {
    const zip = await archiveOf([row()]);
    const source = sourceOf(zip, nth, (offset, length) => memorySource(zip).stream(offset, length - 1));
    expect(await failureOf(openAndRead(reading(source)))).toMatchObject({ code: 'ARCHIVE_TRUNCATED' });
  });

  test.each([
    ['opening', 1, asItIs],
    ['reading a part', 2, asItIs],
    ['reading a part out of lent memory', 2, lendingSource],
  ])('in %s by too many bytes rejects', async (_name, nth, reading) => {
    const zip = await archiveOf([row()]);
    const padded = memorySource(Buffer.concat([zip, Buffer.alloc(9)]));
    const source = sourceOf(zip, nth, (offset, length) => padded.stream(offset, length + 9));
    expect((await failureOf(openAndRead(reading(source)))).message).toMatch(/the source brought more/);
  });

  test.each([
    ['opening', 1, asItIs],
    ['reading a part', 2, asItIs],
    ['reading a part out of lent memory', 2, lendingSource],
  ])('in %s rejects on abort, while nothing comes', async (_name, nth, reading) => {
    const abort = new AbortController();
    const source = sourceOf(await archiveOf([row()]), nth, () => {
      setImmediate(() => abort.abort(boom));
      return stalledReadable(Buffer.from('PK'));
    });
    expect(await failureOf(openAndRead(reading(source), abort.signal))).toBe(boom);
  });

  test('keeps an error of a part for its reader that comes when all is there and nobody reads yet', async () => {
    const archive = await openArchive(memorySource((await written([await packed([row()])])).zip));
    const unwanted = new AbortController();
    const part = archive.streamPart(0, unwanted.signal);
    await once(part, 'prefinish');
    await new Promise((resolve) => setImmediate(resolve));
    unwanted.abort(new Error('cancelled'));
    await new Promise((resolve) => setImmediate(resolve));
    expect((await failureOf(part)).message).toBe('cancelled');
  });

  test('ends the range when nobody wants the part any more', async () => {
    const ranges: ReturnType<ByteSource['stream']>[] = [];
    const source = sourceOf(await archiveOf([row()]), 2, () => {
      ranges.push(stalledReadable());
      return ranges[0]!;
    });
    const part = (await openArchive(source)).streamPart(0);
    part.on('error', () => undefined).destroy();
    await new Promise((resolve) => ranges[0]!.once('close', resolve));
    expect(ranges[0]!.destroyed).toBe(true);
  });
});
