const FIRST_BLOCK_BYTES = 64 * 1024;

/**
 * The bytes of one batch after another, in blocks that are kept. Memory asked for anew for each line would pile up as
 * garbage beside what is in use: the collector sees small objects and takes its time.
 */
export class BatchMemory {
  readonly #blocks: Buffer[] = [];
  #block = 0;
  #filled = 0;

  /** Bytes of its own for the caller, not cleared; valid until {@link clear}. */
  take(bytes: number): Buffer {
    let block = this.#blocks[this.#block];
    while (block && this.#filled + bytes > block.length) {
      block = this.#blocks[++this.#block];
      this.#filled = 0;
    }
    if (!block) {
      const doubled = 2 * (this.#blocks.at(-1)?.length ?? FIRST_BLOCK_BYTES / 2);
      block = Buffer.allocUnsafeSlow(Math.max(doubled, bytes));
      this.#blocks.push(block);
    }
    const taken = block.subarray(this.#filled, this.#filled + bytes);
    this.#filled += bytes;
    return taken;
  }

  /** Everything that was taken may be overwritten from now on. */
  clear(): void {
    this.#block = 0;
    this.#filled = 0;
  }
}
