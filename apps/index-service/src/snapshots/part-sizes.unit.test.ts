import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { describe, expect, test } from '@jest/globals';

import { encodePart, MAX_PARTS } from '@tidemark/archive';
import { partBytesAfter, planRanges } from '@tidemark/document-index';

const MIB = 1024 * 1024;
const TIB = 1024 * 1024 * MIB;

/** What the index hands out must fit what an archive may have, whatever TIDEMARK_PART_BYTES says. */
describe.each([64 * 1024, 8 * MIB, 256 * MIB])('parts of an index of any size, where %i bytes are set', (partBytes) => {
  test('are of a size that can be packed', async () => {
    for (let parts = 0; parts <= MAX_PARTS; parts += 100) {
      const part = encodePart(Readable.from([]), { maxRawBytes: partBytesAfter(parts, partBytes) });
      await buffer(part.content);
      expect((await part.outcome).cut).toBe(false);
    }
  });

  test('are no more than an archive may have, of terabytes too', () => {
    const ranges = planRanges({ pages: TIB / 8192, toastBytes: 0 }, partBytes).length;
    let parts = 0;
    for (let bytes = 0; bytes < 2 * TIB; bytes += partBytesAfter(parts++, partBytes));
    expect(ranges + parts).toBeLessThanOrEqual(MAX_PARTS);
  });
});
