import { Readable } from 'node:stream';

import type { ArchiveSource } from '../destination.js';
import { DestinationIgnoresRangesError } from '../errors.js';

/**
 * What lies at a destination, read back and held against what was sent, byte by byte. A destination that puts chunks
 * anywhere else than they say is told from one that damages an archive.
 */
export class ComparedSource implements ArchiveSource {
  readonly size: number;

  constructor(
    private readonly there: ArchiveSource,
    private readonly sent: ArchiveSource,
    private readonly at: { readonly display: string; readonly onDifference: () => Promise<void> },
  ) {
    this.size = there.size;
  }

  stream(offset: number, length: number, signal?: AbortSignal): Readable {
    const there = this.there.stream(offset, length, signal);
    const sent = this.sent.stream(offset, length, signal);
    return Readable.from(this.#chunks({ there, sent, offset }), { objectMode: false });
  }

  async close(): Promise<void> {
    await this.there.close();
    await this.sent.close();
  }

  async *#chunks(streams: { there: Readable; sent: Readable; offset: number }): AsyncGenerator<Buffer> {
    const expected = new Expected(streams.sent);
    let at = streams.offset;
    try {
      for await (const piece of streams.there) {
        const chunk = piece as Buffer;
        if (!(await expected.isNext(chunk))) await this.#differs(at);
        at += chunk.length;
        yield chunk;
      }
    } finally {
      streams.sent.destroy();
    }
  }

  async #differs(offset: number): Promise<never> {
    await this.at.onDifference();
    const reason = `what lies there is not what was sent, from about byte ${offset} on`;
    throw new DestinationIgnoresRangesError(this.at.display, reason, { offset });
  }
}

/** Bytes to come, compared in whatever pieces the others come. */
class Expected {
  readonly #chunks: AsyncIterator<Buffer, undefined>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  }

  async isNext(chunk: Buffer): Promise<boolean> {
    for (let at = 0; at < chunk.length;) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) return false;
        this.#rest = next.value;
        continue;
      }
      const length = Math.min(chunk.length - at, this.#rest.length);
      if (this.#rest.compare(chunk, at, at + length, 0, length) !== 0) return false;
      this.#rest = this.#rest.subarray(length);
      at += length;
    }
    return true;
  }
}
