/** The part of `size` bytes that a range covers. Throws RangeError for numbers that are no range at all. */
export function checkRange(offset: number, length: number, size: number): { start: number; end: number } {
  if (!Number.isSafeInteger(offset) || offset < 0 || !(length >= 0)) {
    throw new RangeError(`no range of bytes: offset ${offset}, length ${length}`);
  }
  return { start: Math.min(offset, size), end: Math.min(offset + length, size) };
}
