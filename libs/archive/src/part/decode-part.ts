import { pipeline, type Readable } from 'node:stream';
import { constants, createZstdDecompress } from 'node:zlib';

import type { PartFacts } from '@tidemark/contracts';

import { ArchiveDamagedError } from '../errors.js';
import { MAX_PART_RAW_BYTES, MAX_WINDOW_LOG } from '../format/limits.js';
import { destroyOnAbort } from '../streams/abort.js';
import { CheckedFrame } from './checked-frame.js';
import { CheckedRows } from './checked-rows.js';

const OUTPUT_CHUNK_BYTES = 256 * 1024;

export interface DecodeOptions {
  /** What errors call the part: its name in the archive, where that is known. */
  readonly entry?: string;
  readonly signal?: AbortSignal;
}

/**
 * Unpacks one part into COPY text that Postgres can be given as it comes: whole lines, each checked before it is let
 * through. Ends only when everything about the part is as expected, so whoever sees the end may commit; otherwise it
 * errors with ARCHIVE_DAMAGED, or with the error of `compressed`. `compressed` is destroyed when anything fails: a
 * server hands in a stream of its own, not the request that has still to be answered.
 */
export function decodePart(compressed: Readable, expected: PartFacts, options: DecodeOptions = {}): Readable {
  const { entry = 'the part', signal } = options;
  const rows = new CheckedRows(entry, expected);
  const decoder = createZstdDecompress({
    chunkSize: OUTPUT_CHUNK_BYTES,
    params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
  });
  pipeline(compressed, new CheckedFrame(entry, expected), decoder, rows, () => undefined);
  if (expected.rawBytes > MAX_PART_RAW_BYTES) {
    rows.destroy(new ArchiveDamagedError(entry, `it declares over ${MAX_PART_RAW_BYTES} bytes of rows`));
  }
  destroyOnAbort(rows, signal);
  return rows;
}
