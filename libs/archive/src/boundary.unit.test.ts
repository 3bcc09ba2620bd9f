import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { PartFacts } from '@tidemark/contracts';

import { partsFor } from './boundary.js';
import { BoundaryBeforeHistoryError } from './errors.js';
import { makeManifest } from './format/manifest.js';
import type { Manifest } from './format/manifest-schema.js';
import { HEADER } from './testing/archives.test.js';

const CLOSED = HEADER.snapshot.closedTimeMicros;

function manifestOf(...ranges: readonly (readonly [number, number])[]): Manifest {
  const facts = ranges.map(([minUpdateTimeMicros, maxUpdateTimeMicros]): PartFacts => ({
    rows: 1,
    bytes: 100,
    rawBytes: 100,
    sha256: 'a'.repeat(64),
    minUpdateTimeMicros,
    maxUpdateTimeMicros,
  }));
  return makeManifest(HEADER, facts, { documents: Math.min(1, ranges.length) });
}

describe('partsFor', () => {
  const manifest = manifestOf([100, 200], [50, 60], [201, 900]);

  test.each([
    [50, [1]],
    [99, [1]],
    [100, [0, 1]],
    [200, [0, 1]],
    [201, [0, 1, 2]],
    [CLOSED, [0, 1, 2]],
  ])('at %i reads the parts %p', (boundary, parts) => {
    expect(partsFor(manifest, boundary)).toEqual({
      effectiveBoundaryMicros: boundary,
      parts,
      partsSkipped: 3 - parts.length,
      warnings: [],
    });
  });

  test('without a boundary reads everything, up to the closed time', () => {
    expect(partsFor(manifest)).toEqual({
      effectiveBoundaryMicros: CLOSED,
      parts: [0, 1, 2],
      partsSkipped: 0,
      warnings: [],
    });
  });

  test('after the closed time uses it, and says so', () => {
    const plan = partsFor(manifest, CLOSED + 1);
    expect(plan.effectiveBoundaryMicros).toBe(CLOSED);
    expect(plan.parts).toEqual([0, 1, 2]);
    expect(plan.warnings).toEqual([expect.stringContaining(`the boundary ${CLOSED + 1} is after`)]);
  });

  test('before the first version fails: nobody wants an empty index by accident', () => {
    expect(() => partsFor(manifest, 49)).toThrow(BoundaryBeforeHistoryError);
    expect(() => partsFor(manifest, 49)).toThrow(/49.*50/);
  });

  test('of an empty index is empty at any moment', () => {
    const empty = manifestOf();
    for (const boundary of [1, CLOSED, CLOSED + 1, undefined]) expect(partsFor(empty, boundary).parts).toEqual([]);
    expect(partsFor(empty, 1).effectiveBoundaryMicros).toBe(1);
  });

  test('skips exactly the parts that have nothing up to the boundary', () => {
    const range = fc
      .tuple(fc.integer({ min: 1, max: CLOSED }), fc.integer({ min: 1, max: CLOSED }))
      .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: CLOSED }),
        (ranges, at) => {
          fc.pre(ranges.some(([min]) => min <= at));
          const { parts } = partsFor(manifestOf(...ranges), at);
          expect(parts).toEqual([...ranges.keys()].filter((index) => ranges[index]![0] <= at));
        },
      ),
    );
  });
});
