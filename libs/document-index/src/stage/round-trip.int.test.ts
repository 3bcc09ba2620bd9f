import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import {
  contentOf,
  copySnapshot,
  openTestIndex,
  restore,
  rowsOf,
  type CopiedSnapshot,
  type TestIndex,
} from '@tidemark/testing';

let source: TestIndex;
let target: TestIndex;
beforeAll(async () => {
  [source, target] = await Promise.all([openTestIndex(), openTestIndex()]);
});
afterAll(() => Promise.all([source.close(), target.close()]));

const LINKS = ['/a', '/a/b', '/a/b/c', '/a/c', '/b', '/b/~', '/b/-'];

/** Batches of creates, updates, deletes and re-creates over few links, so that histories get long. */
const batch = fc.dictionary(
  fc.constantFrom(...LINKS),
  fc.option(fc.record({ n: fc.nat(9), text: fc.string({ unit: 'binary', maxLength: 5 }) }), { nil: null }),
  { minKeys: 1 },
);

/** Every link’s state as of a time, by reading. */
async function stateAt(it: TestIndex, asOfMicros: number | undefined): Promise<Record<string, string>> {
  const page = await it.index.reader.page({ selection: { prefix: '/' }, limit: 100, expand: true, asOfMicros });
  return Object.fromEntries(page.links.map((link, n) => [link, page.texts![n]!]));
}

describe('over generated histories', () => {
  test('restore(copy(index)) is the index, and restore to T is the state as of T, around every stamp', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 8 }), async (batches) => {
        const stamps: number[] = [];
        for (const documents of batches) {
          const stamp = await source.batch(documents);
          if (stamp !== null) stamps.push(stamp);
        }
        const copied = await copySnapshot(source.index);
        await restore(target.index, copied);
        expect(await contentOf(target.index)).toEqual(await contentOf(source.index));
        expect(await stateAt(target, undefined)).toEqual(await stateAt(source, undefined));

        for (const boundaryMicros of stamps.slice(-3).flatMap((stamp) => [stamp - 1, stamp, stamp + 1])) {
          await restore(target.index, copied, { boundaryMicros });
          expect(await stateAt(target, undefined)).toEqual(await stateAt(source, boundaryMicros));
          const kept = rowsOf(copied).filter(({ stamp }) => stamp <= boundaryMicros);
          expect(await contentOf(target.index)).toEqual(kept.map(({ line }) => line).sort());
        }
      }),
      { numRuns: 6 },
    );
  }, 120_000);

  test('the count of documents is of those that are there', async () => {
    const copied = await copySnapshot(source.index);
    expect(copied.documents).toBe(Object.keys(await stateAt(source, copied.closedTimeMicros)).length);
  });
});

describe('small cases', () => {
  const empty: Omit<CopiedSnapshot, 'closedTimeMicros'> = { system: 's', generation: 1, documents: 0, parts: [] };

  test('an empty index goes over as one', async () => {
    const fresh = await openTestIndex();
    try {
      const copied = await copySnapshot(fresh.index);
      expect(copied).toMatchObject({ documents: 0, parts: [Buffer.alloc(0)] });
      await target.put('/left', '{}');
      const left = (await contentOf(target.index)).length;
      expect(await restore(target.index, copied)).toMatchObject({ outcome: 'SWITCHED', versionsLeftBehind: left });
      expect(await contentOf(target.index)).toEqual([]);
      expect(await restore(target.index, { ...empty, closedTimeMicros: 1 })).toMatchObject({ versionsLeftBehind: 0 });
    } finally {
      await fresh.close();
    }
  });

  test('writing goes on after a restore: numbers and stamps rise, ETags never come back', async () => {
    const first = await source.put('/goes/on', '{"n":1}');
    const copied = await copySnapshot(source.index);
    const second = await source.put('/goes/on', '{"n":2}');
    await restore(source.index, copied);
    const third = await source.put('/goes/on', '{"n":3}');
    expect(third.version!.version).toBe(second.version!.version);
    expect(third.generation).toBeGreaterThan(first.generation);
    expect(third.version!.updateTimeMicros).toBeGreaterThan(second.version!.updateTimeMicros);
  });
});
