import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { ZipArchive } from 'archiver';

import { orAbort } from '../streams/abort.js';
import { asError } from '../streams/as-error.js';
import { CollectedChunks } from '../streams/collected-chunks.js';

const BUFFER_BYTES = 256 * 1024;
/** Every entry's, so that the same content gives the same bytes: the earliest that a zip can say. */
const DATE = new Date('1980-01-01T00:00:00Z');
const MODE = 0o644;

/**
 * A zip being written into `output`: stored entries, one after the other. The zip writer underneath waits for ever
 * where a source or the output breaks; so the first failure of any side is kept here, ends all streams, and is what
 * every waiting call throws.
 */
export class ZipOutput {
  readonly #zip = new ZipArchive({ store: true, highWaterMark: BUFFER_BYTES });
  readonly #failure = new AbortController();
  readonly #failed: AbortSignal;
  readonly #written: Promise<void>;

  constructor(output: Writable, signal?: AbortSignal) {
    this.#failed = signal ? AbortSignal.any([signal, this.#failure.signal]) : this.#failure.signal;
    this.#zip.on('error', (error) => void this.fail(error));
    this.#zip.on('warning', (warning) => void this.fail(warning));
    this.#written = pipeline(this.#zip, new CollectedChunks(), output, { signal: this.#failed });
    this.#written.catch((error: unknown) => this.fail(error));
  }

  /** Resolves when the entry has been taken in and may be forgotten; waits for the output. */
  async append(name: string, content: Buffer | Readable): Promise<void> {
    const appended = Promise.withResolvers<undefined>();
    this.#zip.once('entry', () => appended.resolve(undefined));
    if (!Buffer.isBuffer(content)) content.once('error', (error) => void this.fail(error));
    this.#zip.append(content, { name, date: DATE, mode: MODE });
    try {
      await this.orFailed(appended.promise);
    } finally {
      if (!Buffer.isBuffer(content)) content.destroy();
    }
  }

  /** Writes the directory and ends the output; resolves when the output has finished. */
  async finish(): Promise<void> {
    this.#zip.finalize().catch((error: unknown) => this.fail(error));
    await this.orFailed(this.#written);
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
}
