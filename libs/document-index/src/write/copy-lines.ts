import { getDefaultHighWaterMark } from 'node:stream';

import type { Batch } from './batch.js';

/** A version that a bulk write adds. */
export interface CopiedVersion {
  readonly link: string;
  readonly version: string;
}

/** Of a link, a version, a stamp and an action. */
const MAX_HEAD_BYTES = 2048;

/**
 * COPY text of versions under one stamp, in chunks. All of them are the same memory, filled anew when the next is asked
 * for: none is shorter than what makes a stream ask its writer to wait until everything is out, but the last.
 */
export function* copyLines(batch: Batch, versions: Iterable<CopiedVersion>, stamp: number): Generator<Buffer> {
  const chunkBytes = getDefaultHighWaterMark(false);
  const chunk = Buffer.allocUnsafeSlow(chunkBytes + MAX_HEAD_BYTES);
  let filled = 0;
  for (const { link, version } of versions) {
    filled += chunk.write(`${link}\t${version}\t${stamp}\tPUT\t`, filled, 'latin1');
    const { start, end } = batch.placeOf(link);
    for (let at = start; ;) {
      const copied = batch.memory.copy(chunk, filled, { start: at, end });
      at += copied;
      filled += copied;
      if (filled < chunkBytes) break;
      yield chunk.subarray(0, filled);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
