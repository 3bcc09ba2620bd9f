import type { Slice } from '../ranges/range.js';

interface Held extends Slice {
  readonly released: Promise<unknown>;
}

/** Work on slices of one file: on slices that overlap one after the other, on others at once. */
export class RangeLocks {
  readonly #held = new Set<Held>();

  async run<T>(slice: Slice, work: () => Promise<T>): Promise<T> {
    for (let before = this.#overlapping(slice); before; before = this.#overlapping(slice)) await before.released;
    const { promise: released, resolve } = Promise.withResolvers<undefined>();
    const held = { ...slice, released };
    this.#held.add(held);
    try {
      return await work();
    } finally {
      this.#held.delete(held);
      resolve(undefined);
    }
  }

  #overlapping({ start, end }: Slice): Held | undefined {
    return [...this.#held].find((held) => held.start < end && start < held.end);
  }
}
