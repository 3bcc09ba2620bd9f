/** Bytes of JSON that are looked for. */
export const ASCII = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  upperE: 0x45,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  d: 0x64,
  e: 0x65,
  u: 0x75,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/** Space, tab, line feed or carriage return. */
export function isBlankByte(byte: number): boolean {
  return byte === ASCII.space || byte === ASCII.tab || byte === ASCII.lineFeed || byte === ASCII.carriageReturn;
}
