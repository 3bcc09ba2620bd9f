import type { Readable } from 'node:stream';

import type { ByteSource } from '../byte-source.js';
import { ArchiveTruncatedError } from '../errors.js';
import { destroyOnAbort } from '../streams/abort.js';

/** Reads a source by closed ranges; what `keepTail` has read is not read again. */
export class SourceReader {
  #tail: Buffer = Buffer.alloc(0);

  constructor(
    readonly source: ByteSource,
    private readonly signal?: AbortSignal,
  ) {}

  get size(): number {
    return this.source.size;
  }

  /** The last bytes of the source, at most so many. */
  async keepTail(bytes: number): Promise<Buffer> {
    const length = Math.min(bytes, this.size);
    if (length > this.#tail.length) this.#tail = await this.#collect(this.size - length, length);
    return this.#tail;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0);
    const inTail = offset - (this.size - this.#tail.length);
    return inTail >= 0 ? this.#tail.subarray(inTail, inTail + length) : this.#collect(offset, length);
  }

  async #collect(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    for await (const chunk of openRange(this.source, { offset, length }, this.signal) as AsyncIterable<Buffer>) {
      if (filled + chunk.length > length) throw tooMany(offset, length);
      filled += chunk.copy(bytes, filled);
    }
    if (filled < length) throw new ArchiveTruncatedError(`it ended at byte ${offset + filled} of ${this.size}`);
    return bytes;
  }
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** A range as a stream that also ends with the signal where the source does not heed it. */
export function openRange(source: ByteSource, { offset, length }: ByteRange, signal?: AbortSignal): Readable {
  const stream = source.stream(offset, length, signal);
  destroyOnAbort(stream, signal);
  return stream;
}

function tooMany(offset: number, length: number): Error {
  return new Error(`the source brought more than the ${length} bytes at ${offset} that it was asked for`);
}
