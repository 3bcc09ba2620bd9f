import { MAX_LINK_BYTES } from '@tidemark/contracts';

import { ArchiveDamagedError } from '../errors.js';
import { MAX_LINE_BYTES } from '../format/limits.js';
import { BodyCheck } from './body-check.js';
import { Sought } from './sought.js';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const MINUS = 0x2d;
const SLASH = 0x2f;
const ZERO = 0x30;
const NINE = 0x39;
const OPENING_BRACE = 0x7b;
const BACKSLASH = 0x5c;
const CLOSING_BRACE = 0x7d;
/** What COPY writes behind a backslash. */
const ESCAPED = Buffer.from('\\bfnrtv');
const ACTIONS = ['POST', 'PUT', 'PATCH', 'DELETE'].map((action) => Buffer.from(action));
const NULL = Buffer.from('\\N');

/**
 * Checks every line on its way out of a part, as COPY will see it: nothing that COPY would read in another way than
 * it was written gets past. Throws ARCHIVE_DAMAGED with the number of the line.
 */
export class RowCheck {
  rows = 0;
  minUpdateTimeMicros = 0;
  maxUpdateTimeMicros = 0;
  /** Position after the column read last. */
  #at = 0;
  /** Read last; a field, because numbers of this size that are returned are garbage. */
  #number = 0;
  readonly #tab = new Sought(TAB);
  readonly #body = new BodyCheck();

  constructor(private readonly entry: string) {}

  /** Checks a block of whole lines. */
  check(block: Buffer): void {
    if (block.length > 0 && block.at(-1) !== LF) throw this.#damaged('it has no line end');
    if (block.includes(CR)) throw this.#damagedAt(block, block.indexOf(CR), 'it has a carriage return');
    let start = 0;
    while (start < block.length) {
      this.#leadingColumns(block, start);
      if (block[this.#at] !== OPENING_BRACE) throw this.#damaged('its body does not start with {');
      const lineEnd = block.indexOf(LF, this.#at);
      if (block[lineEnd - 1] !== CLOSING_BRACE) throw this.#damaged('it does not end with }');
      if (this.#tab.in(block, this.#at) < lineEnd) throw this.#damaged('it has more than seven columns');
      if (lineEnd + 1 - start > MAX_LINE_BYTES) throw this.lineTooLong();
      const broken = this.#body.broken(block, this.#at, lineEnd);
      if (broken !== undefined) throw this.#damaged(broken);
      this.rows++;
      start = lineEnd + 1;
    }
  }

  lineTooLong(): ArchiveDamagedError {
    return this.#damaged(`it is over ${MAX_LINE_BYTES} bytes long`);
  }

  /** Everything before the body, which is the rest of the line. */
  #leadingColumns(block: Buffer, start: number): void {
    if (block[start] !== SLASH) throw this.#damaged('it does not start with /');
    this.#at = start;
    this.#link(block);
    this.#whole(block, 'version');
    this.#whole(block, 'update_time_micros');
    if (this.rows === 0 || this.#number < this.minUpdateTimeMicros) this.minUpdateTimeMicros = this.#number;
    if (this.#number > this.maxUpdateTimeMicros) this.maxUpdateTimeMicros = this.#number;
    const action = this.#skipColumn(block);
    if (!isAction(block, action)) throw this.#damaged('its update_action is unknown');
    this.#kind(block);
    const expiration = this.#skipColumn(block);
    if (!equals(block, expiration, NULL) && !isInteger(block, expiration)) {
      throw this.#damaged('its expiration_time_micros is not a number');
    }
  }

  #link(block: Buffer): void {
    const start = this.#skipColumn(block);
    const end = this.#at - 1;
    if (end - start > MAX_LINK_BYTES) throw this.#damaged(`its link is over ${MAX_LINK_BYTES} bytes long`);
    for (let at = start; at < end; at++) {
      if (block[at] === BACKSLASH) throw this.#damaged('its link has an escape');
    }
  }

  #kind(block: Buffer): void {
    const start = this.#skipColumn(block);
    if (equals(block, start, NULL)) return;
    for (let at = start; block[at] !== TAB; at++) {
      if (block[at] !== BACKSLASH) continue;
      if (!ESCAPED.includes(block[++at] ?? 0)) throw this.#damaged('its kind has an escape that COPY does not write');
    }
  }

  /** Goes on behind the column's tab; returns where the column began. */
  #skipColumn(block: Buffer): number {
    const start = this.#at;
    let at = start;
    let byte = block[at];
    while (byte !== TAB) {
      if (byte === LF || byte === undefined) throw this.#damaged('it has fewer than seven columns');
      byte = block[++at];
    }
    this.#at = at + 1;
    return start;
  }

  /** Reads a whole number from 0 to 2^53-1, and its tab. */
  #whole(block: Buffer, column: string): void {
    let value = 0;
    let at = this.#at;
    for (let byte = block[at] ?? LF; byte !== TAB; byte = block[++at] ?? LF) {
      if (byte === LF) throw this.#damaged('it has fewer than seven columns');
      if (byte < ZERO || byte > NINE) throw this.#damaged(`its ${column} is not a whole number`);
      value = value * 10 + (byte - ZERO);
    }
    if (at === this.#at || value > Number.MAX_SAFE_INTEGER) throw this.#damaged(`its ${column} is not a whole number`);
    this.#at = at + 1;
    this.#number = value;
  }

  #damaged(what: string): ArchiveDamagedError {
    return new ArchiveDamagedError(this.entry, `line ${this.rows + 1}: ${what}`);
  }

  #damagedAt(block: Buffer, position: number, what: string): ArchiveDamagedError {
    const before = block.subarray(0, position).reduce((lines, byte) => (byte === LF ? lines + 1 : lines), 0);
    return new ArchiveDamagedError(this.entry, `line ${this.rows + before + 1}: ${what}`);
  }
}

function isAction(block: Buffer, start: number): boolean {
  for (const known of ACTIONS) if (equals(block, start, known)) return true;
  return false;
}

/** Whether the column at `start` (it ends with a tab) is `text`. */
function equals(block: Buffer, start: number, text: Buffer): boolean {
  for (let index = 0; index < text.length; index++) if (block[start + index] !== text[index]) return false;
  return block[start + text.length] === TAB;
}

function isInteger(block: Buffer, start: number): boolean {
  let at = block[start] === MINUS ? start + 1 : start;
  const digits = at;
  for (let byte = block[at] ?? TAB; byte >= ZERO && byte <= NINE; byte = block[++at] ?? TAB);
  return at > digits && block[at] === TAB;
}
