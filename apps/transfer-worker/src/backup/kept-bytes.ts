import { createHash } from 'node:crypto';
import type { WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

import type { PackedPart } from '@tidemark/archive';

import { spoolError, type Spool } from '../spool.js';
import { BLOCK_BYTES, type MemoryBlocks } from './memory-blocks.js';

export interface KeepOptions {
  readonly name: string;
  readonly spool: Spool;
  readonly memory: MemoryBlocks;
  /** What is kept in memory at the most, while there is any. */
  readonly memoryBytes: number;
}

/** Bytes copied into blocks of memory up to a limit, in a file beyond. */
export class KeptBytes {
  readonly #hash = createHash('sha256');
  /** All but the last are full. */
  readonly #blocks: Buffer[] = [];
  #file: WriteStream | undefined;
  bytes = 0;

  constructor(private readonly options: KeepOptions) {}

  /** The chunk is the caller's again when this resolves. */
  async add(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk);
    if (!this.#file && !this.#copy(chunk)) await this.#moveToFile();
    if (this.#file) await write(this.#file, chunk);
    this.bytes += chunk.length;
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }

  async content(): Promise<PackedPart['content']> {
    if (!this.#file) return this.#pieces();
    this.#file.end();
    await finished(this.#file).catch(throwSpoolError);
    return { path: String(this.#file.path) };
  }

  /** Only when nobody reads the content any more: others get the memory. */
  async remove(): Promise<void> {
    this.options.memory.giveBack(this.#blocks.splice(0));
    if (!this.#file) return;
    this.#file.destroy();
    await this.options.spool.remove(String(this.#file.path));
  }

  /** False where the chunk does not fit any more; then none of it counts. */
  #copy(chunk: Buffer): boolean {
    if (this.bytes + chunk.length > this.options.memoryBytes) return false;
    for (let copied = 0; copied < chunk.length;) {
      const at = this.bytes + copied;
      const block = this.#blocks[Math.floor(at / BLOCK_BYTES)] ?? this.#takeBlock();
      if (!block) return false;
      copied += chunk.copy(block, at % BLOCK_BYTES, copied);
    }
    return true;
  }

  #takeBlock(): Buffer | undefined {
    const block = this.options.memory.take();
    if (block) this.#blocks.push(block);
    return block;
  }

  #pieces(): Buffer[] {
    return this.#blocks
      .map((block, place) => block.subarray(0, Math.max(0, this.bytes - place * BLOCK_BYTES)))
      .filter(({ length }) => length > 0);
  }

  async #moveToFile(): Promise<void> {
    this.#file = this.options.spool.create(this.options.name);
    this.#file.on('error', () => undefined);
    const pieces = this.#pieces();
    const blocks = this.#blocks.splice(0);
    try {
      for (const piece of pieces) await write(this.#file, piece);
    } finally {
      this.options.memory.giveBack(blocks);
    }
  }
}

/** Settles when the file has done with the chunk, however that ended. */
async function write(file: WriteStream, chunk: Buffer): Promise<void> {
  const written = Promise.withResolvers<undefined>();
  file.write(chunk, (error) => {
    if (error) written.reject(error);
    else written.resolve(undefined);
  });
  await written.promise.catch(throwSpoolError);
}

function throwSpoolError(error: unknown): never {
  throw spoolError(error);
}
