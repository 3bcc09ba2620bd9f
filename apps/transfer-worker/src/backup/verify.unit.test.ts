import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { samplePlaces } from './verify.js';

test('a sample of few parts is all of them', () => {
  expect(samplePlaces(0)).toEqual([]);
  expect(samplePlaces(1)).toEqual([0]);
  expect(samplePlaces(8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('a sample of many is eight, each once and in order, the first and the last part among them', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 9, max: 100_000 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (count, chances) => {
        const places = samplePlaces(count, () => Number(chances.next().value));
        expect(places).toHaveLength(8);
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
        expect([places[0], places.at(-1)]).toEqual([0, count - 1]);
      },
    ),
  );
});
