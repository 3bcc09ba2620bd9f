import { describe, expect, jest, test } from '@jest/globals';

import { TidemarkError } from '@tidemark/contracts';

import { decodePart } from '../part/decode-part.js';
import { MAX_LINE_BYTES } from '../format/limits.js';
import { FEW_BYTES } from '../testing/breaking.test.js';
import { BROKEN_ARCHIVES } from '../testing/broken-archives.fixture.test.js';
import { sparseOf, sparseSource } from '../testing/sparse-bytes.test.js';
import { openArchive } from './open-archive.js';
import type { OpenedArchive } from './opened-archive.js';

/** How much longer than anything here takes; what is not bounded takes for ever. */
const MANY_MILLIS = 20_000;

interface Refusal {
  readonly error: unknown;
  readonly refusedAt: string;
  /** Bytes of rows that were let through, over all parts. */
  readonly rows: number;
}

async function read(source: ReturnType<typeof sparseSource>): Promise<Refusal> {
  let archive: OpenedArchive;
  try {
    archive = await openArchive(source);
  } catch (error) {
    return { error, refusedAt: 'OPENING', rows: 0 };
  }
  let rows = 0;
  try {
    for (const [index, part] of archive.parts.entries()) {
      for await (const piece of decodePart(archive.streamPart(index), part, { entry: part.name })) {
        rows += (piece as Buffer).length;
        if (rows > archive.manifest.totals.bytes) throw new Error('more rows than the manifest says');
      }
    }
  } catch (error) {
    return { error, refusedAt: 'PART', rows };
  }
  return { error: undefined, refusedAt: 'BY THE INDEX', rows };
}

describe('an archive that must not be restored', () => {
  test.each(Object.entries(BROKEN_ARCHIVES))('%s', async (_name, broken) => {
    const { make, code, says, refusedAt, mayAsk = FEW_BYTES } = broken;
    const source = sparseSource(sparseOf(await make()));
    const allocated = jest.spyOn(Buffer, 'allocUnsafe');
    const began = performance.now();
    const refusal = await read(source);
    expect(performance.now() - began).toBeLessThan(MANY_MILLIS);
    const largest = Math.max(0, ...allocated.mock.calls.map(([bytes]) => bytes));
    allocated.mockRestore();

    if (refusedAt === 'OPENING' || refusedAt === 'PART') {
      expect(refusal.refusedAt).toBe(refusedAt);
      expect(refusal.error).toBeInstanceOf(TidemarkError);
      expect(refusal.error).toMatchObject({ code, message: expect.stringContaining(says) });
      expect(JSON.stringify(refusal.error).length).toBeLessThan(2000);
      if (code === 'ARCHIVE_DAMAGED') expect(refusal.error).toMatchObject({ details: { entry: expect.any(String) } });
    } else {
      expect(refusal).toMatchObject({ error: undefined, refusedAt: 'BY THE INDEX' });
    }
    expect(source.brought).toBeLessThanOrEqual(mayAsk);
    expect(largest).toBeLessThanOrEqual(Math.max(mayAsk, 2 * MAX_LINE_BYTES));
  });

  test('comes in every kind', () => {
    const counts = Object.values(BROKEN_ARCHIVES).reduce<Record<string, number>>(
      (all, { refusedAt }) => ({ ...all, [refusedAt]: (all[refusedAt] ?? 0) + 1 }),
      {},
    );
    expect(Object.keys(BROKEN_ARCHIVES).length).toBeGreaterThan(200);
    expect(Object.keys(counts).sort()).toEqual(['BUILDING', 'CLAIMS', 'LOADING', 'OPENING', 'PART']);
  });
});
