const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
/** Square and curly brackets differ in one bit; with it set they are the curly ones. */
const BRACKET_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What a JSON text would be in memory, read off its punctuation. */
export interface JsonShape {
  /** Brackets inside each other. */
  readonly levels: number;
  /** At least as many as its values, names left out. */
  readonly values: number;
  /** Names in objects, those that come twice counted twice. */
  readonly members: number;
  /** Names in the object that has the most of them; of those nested deeper than a few levels nothing is said. */
  readonly mostMembers: number;
  /** Names that differ, however often they come; counted a little beyond {@link NAMES_COUNTED}, and no further. */
  readonly names: number;
  /** Bytes of the longest text, number or blank. */
  readonly longest: number;
}

const LEVELS_COUNTED = 16;
const NAMES_COUNTED = 1000;

/** Looks at the bytes of a JSON text without making anything of them. Says nothing about whether it is JSON. */
export function jsonShape(text: Uint8Array): JsonShape {
  const shape = new Shape();
  let longest = 0;
  let tokenAt = 0;
  let stringAt = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] ?? 0;
    if (byte === QUOTE) {
      stringAt = at;
      at = endOfString(text, at);
    } else if (shape.count(byte)) {
      if (at - tokenAt > longest) longest = at - tokenAt;
      if (byte === COLON) shape.name(text, stringAt, at);
      tokenAt = at + 1;
    }
  }
  const { levels, values, members, mostMembers, names } = shape;
  return { levels, values, members, mostMembers, names, longest: Math.max(longest, text.length - tokenAt) };
}

class Shape {
  levels = 0;
  values = 1;
  members = 0;
  mostMembers = 0;
  #depth = 0;
  /** By a number for each. */
  readonly #names = new Set<number>();
  /** Members so far of the object at each level; what is counted beyond its length is lost. */
  readonly #inside = new Uint32Array(LEVELS_COUNTED);

  /** Counts a byte outside of strings; false where it is no punctuation. */
  count(byte: number): boolean {
    if (byte === COMMA) this.values++;
    else if (byte === COLON) this.#member();
    else if ((byte | BRACKET_BIT) === OPEN) this.#open();
    else if ((byte | BRACKET_BIT) === CLOSE) this.#depth--;
    else return false;
    return true;
  }

  get names(): number {
    return this.#names.size;
  }

  /** By its place in the text: a view of each of a million names would take more memory than the text. */
  name(text: Uint8Array, start: number, end: number): void {
    if (this.#names.size > NAMES_COUNTED) return;
    let hash = 0;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (text[at] ?? 0)) | 0;
    this.#names.add(hash);
  }

  #member(): void {
    this.members++;
    const inThis = (this.#inside[this.#depth] ?? 0) + 1;
    this.#inside[this.#depth] = inThis;
    if (inThis > this.mostMembers) this.mostMembers = inThis;
  }

  #open(): void {
    this.values++;
    this.#depth++;
    this.#inside[this.#depth] = 0;
    if (this.#depth > this.levels) this.levels = this.#depth;
  }
}

/** Names in the objects of a value, at any depth. */
export function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value);
  return inside.reduce((sum: number, each) => sum + membersOf(each), Array.isArray(value) ? 0 : inside.length);
}

function endOfString(text: Uint8Array, opening: number): number {
  let at = opening + 1;
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1;
  return at;
}
