import { ContentUnfitError } from '../errors.js';
import { MAX_LINE_BYTES } from '../format/limits.js';

const TAB = 0x09;
const LF = 0x0a;
const SLASH = 0x2f;
const ZERO = 0x30;
const CLOSING_BRACE = 0x7d;

/**
 * Counts rows on their way into a part. It trusts Postgres with the form of a row and looks only at what it needs (the
 * third column) and at what costs nothing: first byte, last byte, length.
 */
export class RowScan {
  rows = 0;
  rawBytes = 0;
  minUpdateTimeMicros = 0;
  maxUpdateTimeMicros = 0;

  constructor(private readonly maxRawBytes: number) {}

  /** No further row belongs into the part. */
  get full(): boolean {
    return this.rawBytes >= this.maxRawBytes;
  }

  /** Counts the rows of a block of whole lines until the part is full; returns the end of the last row that it took. */
  take(block: Buffer): number {
    let start = 0;
    while (start < block.length && !this.full) {
      const stampAt = this.#startOfStamp(block, start);
      const end = block.indexOf(LF, stampAt) + 1;
      if (end === 0) throw this.#unfit('it has no line end');
      if (block[end - 2] !== CLOSING_BRACE) throw this.#unfit('it does not end with }');
      if (end - start > MAX_LINE_BYTES) throw this.#unfit(`it is over ${MAX_LINE_BYTES} bytes long`);
      this.#count(this.#stamp(block, stampAt), end - start);
      start = end;
    }
    return start;
  }

  #startOfStamp(block: Buffer, start: number): number {
    if (block[start] !== SLASH) throw this.#unfit('it does not start with /');
    let at = start;
    for (let tabs = 0; tabs < 2; at++) {
      const byte = block[at];
      if (byte === TAB) tabs++;
      else if (byte === LF || byte === undefined) throw this.#unfit('it has fewer than three columns');
    }
    return at;
  }

  #stamp(block: Buffer, start: number): number {
    let stamp = 0;
    let at = start;
    for (let byte = block[at] ?? TAB; byte !== TAB; byte = block[++at] ?? TAB) {
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9) throw this.#unfit('its third column is not a stamp');
      stamp = stamp * 10 + digit;
    }
    if (at === start || stamp > Number.MAX_SAFE_INTEGER) throw this.#unfit('its third column is not a stamp');
    return stamp;
  }

  #count(stamp: number, bytes: number): void {
    if (this.rows === 0 || stamp < this.minUpdateTimeMicros) this.minUpdateTimeMicros = stamp;
    if (stamp > this.maxUpdateTimeMicros) this.maxUpdateTimeMicros = stamp;
    this.rows++;
    this.rawBytes += bytes;
  }

  #unfit(what: string): ContentUnfitError {
    return new ContentUnfitError(`row ${this.rows + 1} of a part: ${what}`);
  }
}
