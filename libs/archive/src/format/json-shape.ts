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
}

/** Looks at the bytes of a JSON text without making anything of them. Says nothing about whether it is JSON. */
export function jsonShape(text: Uint8Array): JsonShape {
  let [depth, levels, values, members] = [0, 0, 1, 0];
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] ?? 0;
    if (byte === QUOTE) at = endOfString(text, at);
    else if (byte === COMMA) values++;
    else if (byte === COLON) members++;
    else if ((byte | BRACKET_BIT) === CLOSE) depth--;
    else if ((byte | BRACKET_BIT) === OPEN) {
      values++;
      if (++depth > levels) levels = depth;
    }
  }
  return { levels, values, members };
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
