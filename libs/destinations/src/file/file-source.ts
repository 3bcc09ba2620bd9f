import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

import type { ArchiveSource } from '../destination.js';
import { ArchiveChangedError } from '../errors.js';
import { checkRange } from '../range.js';
import { withFileErrors } from './errno.js';
import { isUntouched, type OpenedFile } from './regular-file.js';

const CHUNK_BYTES = 256 * 1024;

/** Reads through the one handle that was opened: a rename over the path is not seen, a change of the file is. */
export class FileSource implements ArchiveSource {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #opened: BigIntStats;

  constructor(
    file: OpenedFile,
    private readonly display: string,
  ) {
    this.size = Number(file.stats.size);
    this.#handle = file.handle;
    this.#opened = file.stats;
  }

  stream(offset: number, length: number, signal?: AbortSignal): Readable {
    const range = checkRange(offset, length, this.size);
    return Readable.from(this.#chunks(range, signal), { objectMode: false });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async *#chunks({ start, end }: { start: number; end: number }, signal?: AbortSignal): AsyncGenerator<Buffer> {
    for (let position = start; position < end;) {
      signal?.throwIfAborted();
      const chunk = await this.#read(position, Math.min(CHUNK_BYTES, end - position));
      position += chunk.length;
      yield chunk;
    }
    signal?.throwIfAborted();
    await this.#checkUnchanged();
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await withFileErrors(this.display, 'READING', () =>
      this.#handle.read(Buffer.allocUnsafeSlow(length), 0, length, position),
    );
    if (bytesRead === 0) throw new ArchiveChangedError(this.display);
    return buffer.subarray(0, bytesRead);
  }

  async #checkUnchanged(): Promise<void> {
    const stats = await withFileErrors(this.display, 'READING', () => this.#handle.stat({ bigint: true }));
    if (!isUntouched(stats, this.#opened)) throw new ArchiveChangedError(this.display);
  }
}

/** Of all bytes, lower-case hex. */
export async function sha256Of(source: ArchiveSource, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of source.stream(0, source.size, signal)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
