/** How many are compared one by one; what has more is looked up. */
const FEW = 16;
const NOTHING = Buffer.alloc(0);

/** The quoted names of one object, as places in its bytes: most have few, and no text is made of these. */
export class Names {
  /** Of each its start and its length; and what is left of other objects. */
  readonly #few: number[] = [];
  #count = 0;
  #many: Set<string> | undefined;
  #bytes: Buffer = NOTHING;

  /** With the names of another object. */
  begin(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#count = 0;
    this.#many = undefined;
  }

  /** False where the object has it already. */
  add(start: number, end: number, escaped: boolean): boolean {
    if (escaped || this.#count >= 2 * FEW) this.#many ??= this.#asTexts();
    if (this.#many) {
      const { size } = this.#many;
      return this.#many.add(this.#text(start, end)).size > size;
    }
    const few = this.#few;
    for (let n = 0; n < this.#count; n += 2)
      if (few[n + 1] === end - start && this.#same(few[n] ?? 0, start, end)) return false;
    few[this.#count++] = start;
    few[this.#count++] = end - start;
    return true;
  }

  #same(other: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    for (let at = start; at < end; at++) if (bytes[at] !== bytes[other + at - start]) return false;
    return true;
  }

  #asTexts(): Set<string> {
    const texts = new Set<string>();
    for (let n = 0; n < this.#count; n += 2) {
      const [start = 0, length = 0] = [this.#few[n], this.#few[n + 1]];
      texts.add(this.#text(start, start + length));
    }
    return texts;
  }

  #text(start: number, end: number): string {
    return nameOf(this.#bytes.toString('utf8', start, end));
  }
}

/** A quoted name with its escapes resolved and without its quotes. */
export function nameOf(key: string): string {
  return key.includes('\\') ? (JSON.parse(key) as string) : key.slice(1, -1);
}
