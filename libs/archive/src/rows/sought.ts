/** The next place of some bytes in a block, looked for once and not again for every row before it. */
export class Sought {
  #block: Buffer | undefined;
  #found = -1;

  /** A single byte is given as its number: looking for one costs half as much. */
  constructor(private readonly bytes: Buffer | number) {}

  /** The first place at or after `from`; the end of the block where there is none. Never asked for an earlier one. */
  in(block: Buffer, from: number): number {
    if (this.#block === block && this.#found >= from) return this.#found;
    const found = block.indexOf(this.bytes, from);
    this.#block = block;
    this.#found = found === -1 ? block.length : found;
    return this.#found;
  }
}
