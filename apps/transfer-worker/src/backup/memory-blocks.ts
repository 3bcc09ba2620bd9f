export const BLOCK_BYTES = 256 * 1024;

/**
 * Memory of one backup for the parts on their way, up to a bound and made as it is needed: blocks that are used again
 * and again, so that no garbage is left of what came over the network.
 */
export class MemoryBlocks {
  readonly #free: Buffer[] = [];
  #unmade: number;

  constructor(bytes: number) {
    this.#unmade = Math.floor(bytes / BLOCK_BYTES);
  }

  /** Undefined where all are in use. What is in the block is whatever was left there. */
  take(): Buffer | undefined {
    const block = this.#free.pop();
    if (block || this.#unmade === 0) return block;
    this.#unmade--;
    return Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Only what nobody reads or writes any more, and once. */
  giveBack(blocks: readonly Buffer[]): void {
    this.#free.push(...blocks);
  }
}
