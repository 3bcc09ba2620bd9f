import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';

import { abortReason } from '@tidemark/platform';

import { fileErrorOf, type Doing } from './errno.js';

/** Bytes that are buffered before the writer is asked to wait. */
const BUFFERED_BYTES = 1024 * 1024;
/** Bytes that are handed to the disk together, while the next ones are written. */
const SYNCED_BYTES = 16 * 1024 * 1024;

export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
  readonly stats: BigIntStats;
}

type Done = (error?: Error | null) => void;

/**
 * Writes to an opened file and closes it, however it ends; `finish` means synced. It is synced on the way as well, so that
 * the end has not all of it to wait for. Counts and hashes, so that the archive need not be read again to know its sum.
 */
export class FileOutput extends Writable {
  #bytes = 0;
  readonly #hash = createHash('sha256');
  #unsynced = 0;
  /** Of what was written before. */
  #synced: Promise<void> = Promise.resolve();
  #written: WrittenFile | undefined;

  constructor(
    private readonly handle: Pick<FileHandle, 'writev' | 'datasync' | 'sync' | 'stat' | 'close'>,
    private readonly file: { readonly display: string; readonly doing: Doing },
    private readonly signal: AbortSignal,
  ) {
    super({ highWaterMark: BUFFERED_BYTES });
  }

  /** Known once the output has finished. */
  get written(): WrittenFile | undefined {
    return this.#written;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#settle(this.#append([chunk]), done);
  }

  /** What came while the last write was under way goes out in one, without being copied together. */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#settle(this.#append(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: Done): void {
    this.#settle(this.#complete(), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    const close = (): Promise<void> => this.handle.close();
    this.#settle(this.#synced.then(close, close), (failure) => done(error ?? failure ?? null));
  }

  async #append(chunks: readonly Buffer[]): Promise<void> {
    for (let left = chunks; left.length > 0;) {
      this.#checkGoing();
      const { bytesWritten } = await this.handle.writev(left);
      left = behind(left, bytesWritten);
    }
    for (const chunk of chunks) {
      this.#bytes += chunk.length;
      this.#unsynced += chunk.length;
      this.#hash.update(chunk);
    }
    if (this.#unsynced >= SYNCED_BYTES) await this.#startSync();
  }

  /** A disk that is slower than its writer holds it up here. */
  async #startSync(): Promise<void> {
    await this.#synced;
    this.#unsynced = 0;
    this.#synced = this.handle.datasync();
    this.#synced.catch(() => undefined);
  }

  async #complete(): Promise<void> {
    this.#checkGoing();
    await this.#synced;
    await this.handle.sync();
    const stats = await this.handle.stat({ bigint: true });
    this.#written = { bytes: this.#bytes, sha256: this.#hash.digest('hex'), stats };
  }

  #checkGoing(): void {
    if (this.signal.aborted) throw abortReason(this.signal);
  }

  #settle(work: Promise<void>, done: Done): void {
    work.then(
      () => done(),
      (error: unknown) => {
        done(fileErrorOf(error, this.file.display, this.file.doing) as Error);
      },
    );
  }
}

/** What is left of chunks when the system has taken so many bytes of them. */
function behind(chunks: readonly Buffer[], bytes: number): Buffer[] {
  let taken = bytes;
  return chunks.flatMap((chunk) => {
    const left = chunk.subarray(Math.min(taken, chunk.length));
    taken -= chunk.length - left.length;
    return left.length > 0 ? [left] : [];
  });
}
