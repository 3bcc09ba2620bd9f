import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';

import { describe, expect, test } from '@jest/globals';

import { ArchiveTooLargeError, ContentUnfitError } from '../errors.js';
import { MAX_PART_RAW_BYTES } from '../format/limits.js';
import { openArchive } from '../read/open-archive.js';
import { archiveOf, each, HEADER, readThrough, written } from '../testing/archives.test.js';
import { copyText, packed, row, type Row } from '../testing/rows.test.js';
import { bytesOf, failureOf, memorySink, memorySource } from '../testing/streams.test.js';
import { decodePart } from '../part/decode-part.js';
import { writeArchive, type PackedPart, type WriteArchiveOptions } from './write-archive.js';

/** Of an entry, in the directory of a zip. */
const RECORD = Buffer.from('504b0102', 'hex');
const noDocuments = () => Promise.resolve({ documents: 0 });
const totals = () => Promise.resolve({ documents: 1 });

function rowsFrom(first: number, count: number): Row[] {
  return Array.from({ length: count }, (_, index) => row({ version: first + index, stamp: first + index + 1 }));
}

/** Over a megabyte, made once. */
const largePart = memo(() =>
  packed(
    Array.from({ length: 4000 }, (_, version) => row({ version, body: `{"n":"${randomBytes(200).toString('hex')}"}` })),
  ),
);

function memo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** Fails the test's patience, not the clock's: whoever hangs here hangs in Jest's timeout. */
function archiving(options: Partial<WriteArchiveOptions>): Promise<unknown> {
  return writeArchive({ output: memorySink(), header: HEADER, parts: each([]), totals, ...options });
}

describe('writeArchive', () => {
  test('gives the same bytes for the same snapshot', async () => {
    const histories = [rowsFrom(0, 500), rowsFrom(500, 3)];
    const [one, other] = [await archiveOf(...histories), await archiveOf(...histories)];
    expect(other.equals(one)).toBe(true);
  });

  test('says what it wrote, and what it wrote can be read', async () => {
    const histories = [rowsFrom(0, 500), rowsFrom(500, 3)];
    const { zip, manifest, manifestSha256 } = await written(await Promise.all(histories.map(packed)));
    expect(manifest.totals).toEqual({
      documents: 1,
      versions: 503,
      bytes: copyText(histories.flat()).length,
    });
    expect(manifest.history).toEqual({ earliestUpdateTimeMicros: 1, latestUpdateTimeMicros: 503 });
    expect(manifest.createdAtMicros).toBe(HEADER.snapshot.closedTimeMicros);
    const archive = await openArchive(memorySource(zip));
    expect(archive.manifest).toEqual(manifest);
    expect(archive.manifestSha256).toBe(manifestSha256);
    for (const [index, rows] of histories.entries()) {
      const raw = await bytesOf(decodePart(archive.streamPart(index), archive.parts[index]!));
      expect(raw.equals(copyText(rows))).toBe(true);
    }
  });

  test('has its entries in the order of FORMAT.md, stored, with one date', async () => {
    const zip = await archiveOf(rowsFrom(0, 1), rowsFrom(1, 1));
    const names: string[] = [];
    for (let at = zip.indexOf(RECORD); at !== -1; at = zip.indexOf(RECORD, at + 1)) {
      names.push(zip.toString('latin1', at + 46, at + 46 + zip.readUInt16LE(at + 28)));
      expect({ method: zip.readUInt16LE(at + 10), date: zip.readUInt32LE(at + 12) }).toEqual({
        method: 0,
        date: 0x210000,
      });
    }
    expect(names).toEqual([
      'README.txt',
      'schema.sql',
      'parts/000001.copy.zst',
      'parts/000002.copy.zst',
      'manifest.json',
      'SHA256SUMS',
    ]);
  });

  test('of an empty index is an archive without parts', async () => {
    const { zip, manifest } = await written([]);
    expect(manifest.totals).toEqual({ documents: 0, versions: 0, bytes: 0 });
    expect(manifest.history).toEqual({ earliestUpdateTimeMicros: null, latestUpdateTimeMicros: null });
    await readThrough(zip);
  });

  test('leaves out parts without rows', async () => {
    const [empty, full] = [await packed([]), await packed(rowsFrom(0, 1))];
    const { zip } = await written([empty, full, empty]);
    expect(zip.equals((await written([full])).zip)).toBe(true);
  });

  test('asks for a part only when the one before it is done with, and for the totals last', async () => {
    const part = await packed(rowsFrom(0, 1));
    const asked: string[] = [];
    const output = memorySink();
    async function* parts(): AsyncGenerator<PackedPart> {
      for (const name of ['first', 'second']) {
        asked.push(name);
        yield await Promise.resolve(part);
        asked.push(`after the ${name}`);
      }
    }
    await writeArchive({
      output,
      header: HEADER,
      parts: parts(),
      totals: () => {
        asked.push('totals');
        return totals();
      },
    });
    expect(asked).toEqual(['first', 'after the first', 'second', 'after the second', 'totals']);
  });

  test('waits for a slow output instead of collecting', async () => {
    const part = await largePart();
    const parts = Array.from({ length: 20 }, () => part);
    let [pulled, pushed] = [0, 0];
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done): void {
        pushed += chunk.length;
        expect(pulled - pushed).toBeLessThan(part.content.length + 4 * 1024 * 1024);
        setImmediate(done);
      },
    });
    async function* counted(): AsyncGenerator<PackedPart> {
      for await (const next of each(parts)) {
        pulled += part.content.length;
        yield next;
      }
    }
    await archiving({ output: slow, parts: counted() });
    expect(pulled).toBeGreaterThan(8 * 1024 * 1024);
  });
});

describe('writeArchive of what is no archive', () => {
  test('facts that are not the content’s', async () => {
    const part = await packed(rowsFrom(0, 1));
    const lying = { ...part, facts: { ...part.facts, bytes: part.facts.bytes + 1 } };
    const error = await failureOf(archiving({ parts: each([lying]) }));
    expect(error).toBeInstanceOf(ContentUnfitError);
    expect(error.message).toContain('parts/000001.copy.zst has');
  });

  test.each([
    ['a part over its limit', { rawBytes: MAX_PART_RAW_BYTES + 1 }],
    ['stamps the wrong way round', { minUpdateTimeMicros: 2, maxUpdateTimeMicros: 1 }],
    ['a stamp after the closed time', { maxUpdateTimeMicros: HEADER.snapshot.closedTimeMicros + 1 }],
    ['a count that is none', { rows: 1.5 }],
    ['no SHA-256', { sha256: '' }],
  ])('%s', async (_name, facts) => {
    const part = await packed(rowsFrom(0, 1));
    const error = await failureOf(archiving({ parts: each([{ ...part, facts: { ...part.facts, ...facts } }]) }));
    expect(error).toBeInstanceOf(ContentUnfitError);
  });

  test('totals that cannot be', async () => {
    const parts = () => each([part]);
    const part = await packed(rowsFrom(0, 1));
    for (const documents of [2, -1]) {
      const error = await failureOf(archiving({ parts: parts(), totals: () => Promise.resolve({ documents }) }));
      expect(error).toBeInstanceOf(ContentUnfitError);
    }
  });
});

describe('writeArchive when something breaks', () => {
  const boom = new Error('boom');

  /** Errors with `boom` at the `count`-th write. */
  function brokenOutput(count: number): Writable {
    let writes = 0;
    return new Writable({ write: (_chunk, _encoding, done) => done(++writes >= count ? boom : null) });
  }

  test.each([1, 2, 5])('rejects with the output’s error at write %i, and asks for no more parts', async (count) => {
    const part = await largePart();
    let returned = false;
    async function* endless(): AsyncGenerator<PackedPart> {
      try {
        for (;;) yield await Promise.resolve(part);
      } finally {
        returned = true;
      }
    }
    expect(await failureOf(archiving({ output: brokenOutput(count), parts: endless() }))).toBe(boom);
    await new Promise(setImmediate);
    expect(returned).toBe(true);
  });

  test('rejects when the output fails at its very end', async () => {
    const output = new Writable({ write: (_chunk, _encoding, done) => done(), final: (done) => done(boom) });
    expect(await failureOf(archiving({ output, totals: noDocuments }))).toBe(boom);
  });

  test('rejects when the output is closed by somebody else', async () => {
    const part = await packed(rowsFrom(0, 1));
    const output = memorySink();
    async function* parts(): AsyncGenerator<PackedPart> {
      yield await Promise.resolve(part);
      output.destroy();
      yield part;
    }
    expect(await failureOf(archiving({ output, parts: parts() }))).toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    });
  });

  test('rejects with the error that the parts throw, and destroys the output', async () => {
    const part = await packed(rowsFrom(0, 1));
    const output = memorySink();
    async function* parts(): AsyncGenerator<PackedPart> {
      yield await Promise.resolve(part);
      throw boom;
    }
    expect(await failureOf(archiving({ output, parts: parts() }))).toBe(boom);
    await new Promise(setImmediate);
    expect(output.destroyed).toBe(true);
    expect(output.writableFinished).toBe(false);
  });

  test('rejects with the error that the totals throw', async () => {
    expect(await failureOf(archiving({ totals: () => Promise.reject(boom) }))).toBe(boom);
  });

  test('rejects on abort, with its reason, while the next part does not come', async () => {
    const abort = new AbortController();
    const part = await packed(rowsFrom(0, 1));
    const output = memorySink();
    async function* parts(): AsyncGenerator<PackedPart> {
      yield await Promise.resolve(part);
      setImmediate(() => abort.abort(boom));
      await new Promise(() => undefined);
    }
    expect(await failureOf(archiving({ output, parts: parts(), signal: abort.signal }))).toBe(boom);
    await new Promise(setImmediate);
    expect(output.destroyed).toBe(true);
  });

  test('rejects on abort while the output takes nothing', async () => {
    const abort = new AbortController();
    const part = await largePart();
    const stuck = new Writable({ write: () => setImmediate(() => abort.abort(boom)) });
    expect(await failureOf(archiving({ output: stuck, parts: each([part, part]), signal: abort.signal }))).toBe(boom);
  });

  test('rejects on abort while the totals do not come', async () => {
    const abort = new AbortController();
    const totalsThatHang = () => {
      setImmediate(() => abort.abort(boom));
      return new Promise<never>(() => undefined);
    };
    expect(await failureOf(archiving({ totals: totalsThatHang, signal: abort.signal }))).toBe(boom);
  });

  test('does not begin for a signal that was aborted before', async () => {
    const output = memorySink();
    expect(await failureOf(archiving({ output, signal: AbortSignal.abort(boom) }))).toBe(boom);
    expect(output.bytes()).toHaveLength(0);
  });

  test('refuses one part too many, before it is written', async () => {
    const part = await packed(rowsFrom(0, 1));
    let given = 0;
    async function* parts(): AsyncGenerator<PackedPart> {
      for (;;) {
        given++;
        yield await Promise.resolve(part);
      }
    }
    const error = await failureOf(archiving({ parts: parts(), maxParts: 100 }));
    expect(error).toBeInstanceOf(ArchiveTooLargeError);
    expect(given).toBe(101);
  });
});
