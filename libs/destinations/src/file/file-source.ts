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
const LENT_BYTES = 1024 * 1024;

type Range = ReturnType<typeof checkRange>;

interface ReadOptions {
  /** To read into, of so many bytes at the most. */
  readonly memory: (wanted: number) => Buffer;
  readonly signal: AbortSignal | undefined;
}

/** Reads through the one handle that was opened: a rename over the path is not seen, a change of the file is. */
export class FileSource implements ArchiveSource {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #opened: BigIntStats;
  /** Memory that is lent to nobody at the moment. */
  readonly #unlent: Buffer[] = [];

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
    const memory = (wanted: number): Buffer => Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, wanted));
    return Readable.from(this.#chunks(range, { memory, signal }), { objectMode: false });
  }

  lend(offset: number, length: number, signal?: AbortSignal): AsyncIterable<Buffer> {
    return this.#lent(checkRange(offset, length, this.size), signal);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async *#lent(range: Range, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const lent = this.#unlent.pop() ?? Buffer.allocUnsafeSlow(LENT_BYTES);
    try {
      yield* this.#chunks(range, { memory: (wanted) => lent.subarray(0, wanted), signal });
    } finally {
      this.#unlent.push(lent);
    }
  }

  async *#chunks({ start, end }: Range, { memory, signal }: ReadOptions): AsyncGenerator<Buffer> {
    for (let position = start; position < end;) {
      signal?.throwIfAborted();
      const chunk = await this.#read(memory(end - position), position);
      position += chunk.length;
      yield chunk;
    }
    signal?.throwIfAborted();
    await this.#checkUnchanged();
  }

  async #read(memory: Buffer, position: number): Promise<Buffer> {
    const { bytesRead } = await withFileErrors(this.display, 'READING', () =>
      this.#handle.read(memory, 0, memory.length, position),
    );
    if (bytesRead === 0) throw new ArchiveChangedError(this.display);
    return memory.subarray(0, bytesRead);
  }

  async #checkUnchanged(): Promise<void> {
    const stats = await withFileErrors(this.display, 'READING', () => this.#handle.stat({ bigint: true }));
    if (!isUntouched(stats, this.#opened)) throw new ArchiveChangedError(this.display);
  }
}

/** Of all bytes, lower-case hex. */
export async function sha256Of(source: ArchiveSource, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const chunks =
    source.lend?.(0, source.size, signal) ?? (source.stream(0, source.size, signal) as AsyncIterable<Buffer>);
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
