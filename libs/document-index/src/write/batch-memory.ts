const BLOCK_BYTES = 64 * 1024;

/** Blocks of memory that nothing is in now; batches take them and give them back. */
export type FreeBlocks = Buffer[];

/**
 * The bytes of one batch after another, in blocks that are kept. Memory asked for anew for each line would pile up as
 * garbage beside what is in use: the collector sees small objects and takes its time.
 */
export class BatchMemory {
  readonly #blocks: Buffer[] = [];
  #block: Buffer = Buffer.alloc(0);
  #filled = 0;
  #before = 0;

  constructor(private readonly free: FreeBlocks) {}

  /** Bytes that are in it. */
  get length(): number {
    return this.#before + this.#filled;
  }

  push(byte: number): void {
    if (this.#filled === this.#block.length) this.#next();
    this.#block[this.#filled++] = byte;
  }

  append(source: Buffer, start = 0, end = source.length): void {
    for (let at = start; at < end;) {
      if (this.#filled === this.#block.length) this.#next();
      const copied = source.copy(this.#block, this.#filled, at, end);
      this.#filled += copied;
      at += copied;
    }
  }

  /** Copies bytes out to `target`, as many as there are up to `end` and as fit in; returns how many. */
  copy(target: Buffer, at: number, { start, end }: { start: number; end: number }): number {
    let copied = 0;
    while (start + copied < end && at + copied < target.length) {
      const place = start + copied;
      const inBlock = place % BLOCK_BYTES;
      const block = this.#blocks[(place - inBlock) / BLOCK_BYTES];
      if (!block) throw new RangeError(`nothing at ${place}`);
      copied += block.copy(target, at + copied, inBlock, Math.min(BLOCK_BYTES, inBlock + end - place));
    }
    return copied;
  }

  /** Nothing is in it any more, and its blocks are for others too. */
  clear(): void {
    this.free.push(...this.#blocks.splice(0));
    this.#block = Buffer.alloc(0);
    this.#filled = 0;
    this.#before = 0;
  }

  #next(): void {
    this.#before += this.#filled;
    this.#block = this.free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#blocks.push(this.#block);
    this.#filled = 0;
  }
}
