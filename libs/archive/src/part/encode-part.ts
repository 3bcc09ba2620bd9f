import { pipeline, type Readable } from 'node:stream';
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';

import type { PartFacts } from '@tidemark/contracts';

import { ArchiveTooLargeError } from '../errors.js';
import { MAX_LINE_BYTES, MAX_PART_RAW_BYTES } from '../format/limits.js';
import { destroyOnAbort } from '../streams/abort.js';
import { asError } from '../streams/as-error.js';
import { HashedBytes } from '../streams/hashed-bytes.js';
import { RowPacker } from './row-packer.js';

/** The largest `maxRawBytes`: with one more row a part is still within its limit. */
export const MAX_PART_CUT_BYTES = MAX_PART_RAW_BYTES - MAX_LINE_BYTES;

const OUTPUT_CHUNK_BYTES = 128 * 1024;
const DEFAULT_LEVEL = 1;

export interface EncodeOptions {
  /** The part ends with the row that brings it to this many bytes of rows. At least 1, at most {@link MAX_PART_CUT_BYTES}. */
  readonly maxRawBytes: number;
  /** zstd level, 1 unless given. */
  readonly level?: number;
  readonly signal?: AbortSignal;
}

export interface PartOutcome {
  readonly facts: PartFacts;
  /** True when rows were left: the next part begins after `facts.rows` rows of this one. */
  readonly cut: boolean;
}

export interface EncodedPart {
  /** One zstd frame. Errors, and never ends, unless the rows ended by themselves or the part was full. */
  readonly content: Readable;
  /** Known before the end of `content` is seen; rejects with its error. */
  readonly outcome: Promise<PartOutcome>;
}

/**
 * Packs COPY text, in chunks of any size, into one part. A chunk is done with when the next one is asked for; `rows` is
 * left (`return`) when the part is full, and when anything fails. Compresses on the threadpool; holds about 2 MiB, more
 * only for longer rows.
 */
export function encodePart(rows: AsyncIterable<Buffer>, options: EncodeOptions): EncodedPart {
  const { maxRawBytes, level = DEFAULT_LEVEL, signal } = options;
  if (!(maxRawBytes >= 1)) throw new RangeError(`a part cannot be cut at ${maxRawBytes} bytes`);
  if (maxRawBytes > MAX_PART_CUT_BYTES) throw new ArchiveTooLargeError('parts of this size', MAX_PART_CUT_BYTES);
  const outcome = Promise.withResolvers<PartOutcome>();
  outcome.promise.catch(() => undefined);
  const source = rows[Symbol.asyncIterator]();
  const leave = (): void => void Promise.resolve(source.return?.()).catch(() => undefined);
  const compressor = createCompressor(level);
  const packer = new RowPacker(compressor, maxRawBytes);
  const content = new HashedBytes(() => outcome.resolve({ facts: factsOf(content, packer), cut: packer.cut }));
  pipeline(compressor, content, (error) => {
    if (!error) return;
    outcome.reject(error);
    leave();
  });
  destroyOnAbort(content, signal);
  packer.pack(source).then(leave, (error: unknown) => compressor.destroy(asError(error)));
  return { content, outcome: outcome.promise };
}

function factsOf({ bytes, sha256 }: HashedBytes, { scan }: RowPacker): PartFacts {
  const { rows, rawBytes, minUpdateTimeMicros, maxUpdateTimeMicros } = scan;
  return { rows, bytes, rawBytes, sha256, minUpdateTimeMicros, maxUpdateTimeMicros };
}

function createCompressor(level: number): ZstdCompress {
  return createZstdCompress({
    chunkSize: OUTPUT_CHUNK_BYTES,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}
