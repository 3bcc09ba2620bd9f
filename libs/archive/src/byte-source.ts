import type { Readable } from 'node:stream';

/** Where an archive is read from: a file, a remote object, memory. Its size does not change while it is read. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** Exactly the bytes `[offset, offset + length)`, with `length` at least 1; errors when it cannot bring them all. */
  stream(offset: number, length: number, signal?: AbortSignal): Readable;
  /** The same out of memory that is used again, where there is such memory: a chunk is good until the next is asked for. */
  lend?(offset: number, length: number, signal?: AbortSignal): AsyncIterable<Buffer>;
}
