import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

import { destroyOnAbort, orAbort } from '../streams/abort.js';
import { asError } from '../streams/as-error.js';
import { descriptor, directory, localHeader, type EntryFacts } from './zip-records.js';

/** Smaller chunks are copied and go out together. */
const JOINED_BYTES = 16 * 1024;

/**
 * A zip being written into `output`: stored entries, one after the other. The first failure of any side is kept, ends
 * the output, and is what every waiting call throws.
 */
export class ZipOutput {
  readonly #failure = new AbortController();
  readonly #failed: AbortSignal;
  readonly #finished: Promise<void>;
  readonly #entries: EntryFacts[] = [];
  #offset = 0;
  /** Records and small chunks that wait for the next large one. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Resolves when the output has called back for the last chunk, and so for all before it. */
  #lastWritten: Promise<void> = Promise.resolve();

  constructor(
    private readonly output: Writable,
    signal?: AbortSignal,
  ) {
    this.#failed = signal ? AbortSignal.any([signal, this.#failure.signal]) : this.#failure.signal;
    this.#finished = finished(output, { readable: false });
    this.#finished.catch((error: unknown) => this.fail(error));
    destroyOnAbort(output, this.#failed);
  }

  /**
   * Writes an entry, a buffer with its size in front, pieces with theirs behind them; returns the size. Waits for the
   * output, and resolves when it has called back for all of the content, or it was copied: the caller may use its memory again.
   */
  append(name: string, content: Buffer | Iterable<Buffer> | AsyncIterable<Buffer>): Promise<number> {
    return this.orFailed(
      Buffer.isBuffer(content) ? this.#appendBuffer(name, content) : this.#appendPieces(name, content),
    );
  }

  /** Writes the directory and ends the output; resolves when the output has finished. */
  async finish(): Promise<void> {
    this.#failed.throwIfAborted();
    this.#hold(directory(this.#entries, this.#offset));
    this.output.end(this.#takeHeld());
    await this.orFailed(this.#finished);
  }

  /** Waits for something of the caller's, but no longer than until the zip has failed. */
  orFailed<T>(work: Promise<T>): Promise<T> {
    return orAbort(work, this.#failed);
  }

  /** Destroys the output; returns the first failure, which this one need not be. */
  fail(error: unknown): Error {
    if (!this.#failed.aborted) this.#failure.abort(error);
    return asError(this.#failed.reason);
  }

  async #appendBuffer(name: string, content: Buffer): Promise<number> {
    const size = content.length;
    const entry = { name, offset: this.#offset, isDescribed: false, crc32: crc32(content), size };
    this.#hold(localHeader(entry));
    await this.#write(content);
    await this.#lastWritten;
    this.#entries.push(entry);
    return size;
  }

  async #appendPieces(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<number> {
    const entry = { name, offset: this.#offset, isDescribed: true, crc32: 0, size: 0 };
    this.#hold(localHeader(entry));
    for await (const piece of pieces) {
      entry.crc32 = crc32(piece, entry.crc32);
      entry.size += piece.length;
      await this.#write(piece);
    }
    await this.#lastWritten;
    this.#hold(descriptor(entry));
    this.#entries.push(entry);
    return entry.size;
  }

  /**
   * Waits while the output has enough. Where it breaks, the callback tells less than its end does, which comes soon
   * after: the promise stays as it is then.
   */
  async #write(content: Buffer): Promise<void> {
    this.#failed.throwIfAborted();
    const chunks = this.#chunksFor(content);
    if (chunks.length === 0) return;
    const written = Promise.withResolvers<undefined>();
    this.#lastWritten = written.promise;
    this.output.cork();
    for (const chunk of chunks.slice(0, -1)) this.output.write(chunk);
    const hasRoom = this.output.write(chunks.at(-1), (error) => {
      if (!error) written.resolve(undefined);
    });
    this.output.uncork();
    if (!hasRoom) await written.promise;
  }

  /** What is to go out now. */
  #chunksFor(content: Buffer): Buffer[] {
    if (content.length < JOINED_BYTES) {
      this.#hold(Buffer.from(content));
      return this.#heldBytes < JOINED_BYTES ? [] : [this.#takeHeld()];
    }
    this.#offset += content.length;
    return this.#heldBytes > 0 ? [this.#takeHeld(), content] : [content];
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#offset += bytes.length;
  }

  #takeHeld(): Buffer {
    this.#heldBytes = 0;
    return Buffer.concat(this.#held.splice(0));
  }
}
