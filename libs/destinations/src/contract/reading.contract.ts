import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import {
  copied,
  expectBytes,
  expectCode,
  go,
  NEW,
  OLD,
  readAll,
  transferredBy,
  type PlaceUnderTest,
} from './place-under-test.contract.js';

const first = { jobId: randomUUID(), fence: 1 };

/** Reading in place what lies at a destination. */
export function readingContract(makePlace: () => Promise<PlaceUnderTest>): void {
  let place: PlaceUnderTest;

  beforeEach(async () => {
    place = await makePlace();
  });
  afterEach(() => place.clear());

  describe('reading', () => {
    test('where nothing lies is ARCHIVE_NOT_FOUND', async () => {
      await expectCode(place.destination().open(go), 'ARCHIVE_NOT_FOUND');
    });

    const size = NEW.length;
    test.each([
      [0, size, 0, size],
      [0, 0, 0, 0],
      [0, 1, 0, 1],
      [size - 1, 1, size - 1, size],
      [size - 1, 2, size - 1, size],
      [size, 0, size, size],
      [size, 1, size, size],
      [size + 1, 1, size, size],
      [0, size + 1, 0, size],
      [size - 22, Infinity, size - 22, size],
      [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, size, size],
      [262_143, 2, 262_143, 262_145],
      [262_144, 262_144, 262_144, 524_288],
      [1, 1_000_000, 1, 1_000_001],
    ])('from %d on %d bytes', async (offset, length, start, end) => {
      await place.lay(NEW);
      const source = await place.destination().open(go);
      expect(source.size).toBe(size);
      expectBytes(await buffer(source.stream(offset, length)), NEW.subarray(start, end));
      expect(source.lend !== undefined).toBe(place.isLent);
      if (source.lend) expectBytes(await copied(source.lend(offset, length)), NEW.subarray(start, end));
      await source.close();
    });

    test.each([
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [NaN, 1],
      [0, NaN],
      [Infinity, 1],
    ])('from %d on %d bytes is no range', async (offset, length) => {
      await place.lay(NEW);
      const source = await place.destination().open(go);
      expect(() => source.stream(offset, length)).toThrow(RangeError);
      if (source.lend) expect(() => source.lend?.(offset, length)).toThrow(RangeError);
      await source.close();
    });

    test('several at once do not disturb each other', async () => {
      await place.lay(NEW);
      const source = await place.destination().open(go);
      const starts = Array.from({ length: 20 }, (_, i) => i * 60_000);
      const expected = Buffer.concat(starts.map((start) => NEW.subarray(start, start + 300_000)));
      const read = await Promise.all(starts.map((start) => buffer(source.stream(start, 300_000))));
      expectBytes(Buffer.concat(read), expected);
      const lent = await Promise.all(
        starts.map((start) => copied(source.lend?.(start, 300_000) ?? source.stream(start, 300_000))),
      );
      expectBytes(Buffer.concat(lent), expected);
      await source.close();
    });

    test('what is left early frees its reader', async () => {
      await place.lay(NEW);
      const source = await place.destination().open(go);
      for (const chunks of [source.stream(0, NEW.length), source.lend?.(0, NEW.length) ?? []]) {
        for await (const chunk of chunks) {
          expect((chunk as Buffer).length).toBeGreaterThan(0);
          break;
        }
      }
      await source.close();
    });

    test('goes on with what was opened when another archive takes the name, or says that it cannot', async () => {
      await place.lay(OLD);
      const destination = place.destination();
      const source = await destination.open(go);
      await destination.finish(await transferredBy(destination, first, NEW), first, go);
      if (place.isOverwritten) await expectCode(readAll(source), 'ARCHIVE_CHANGED');
      else expectBytes(await readAll(source), OLD);
      expectBytes(await readAll(await destination.open(go)), NEW);
    });

    test('may be closed twice', async () => {
      await place.lay(OLD);
      const source = await place.destination().open(go);
      await source.close();
      await source.close();
    });
  });
}
