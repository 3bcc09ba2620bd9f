import { MAX_DOCUMENT_DEPTH } from '@tidemark/contracts';

import { ASCII, isBlankByte } from './ascii.js';
import { nameOf, Names } from './names.js';

/** A member of a JSON object, as written. */
export interface Member {
  /** The name with its escapes resolved. */
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

/** Where the members of a JSON object are in its bytes. */
export interface ScannedObject {
  /** Of each member in turn: start and end of its quoted name, start and end of its value; then what is left of others. */
  readonly places: readonly number[];
  readonly members: number;
  /** Whether there are any between its tokens. */
  readonly hasBlanks: boolean;
  /** Backslashes that begin an escape. */
  readonly escapes: number;
}

/** Numbers of {@link ScannedObject.places} that each member has. */
export const PLACES = 4;

/** Why a text is not a JSON object that can be kept; `at` is the offset in UTF-16 units. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  constructor(
    readonly reason: string,
    readonly at: number,
  ) {
    super(`${reason} at position ${at}`);
  }
}

/** The members of the JSON object that `text` is, nothing converted: numbers keep every digit, strings every escape. */
export function scanObject(text: string): Member[] {
  const bytes = Buffer.from(text);
  const { places, members } = new ObjectScanner().scan(bytes);
  return Array.from({ length: members }, (_, member) => {
    const [keyStart, keyEnd, start, end] = places.slice(PLACES * member, PLACES * (member + 1));
    const key = bytes.toString('utf8', keyStart, keyEnd);
    return { name: nameOf(key), key, value: bytes.toString('utf8', start, end) };
  });
}

/** Removes the blanks between the tokens of a text that is known to be JSON. */
export function compactJson(text: string): string {
  return /[ \t\n\r]/.test(text) ? text.replace(/("[^"\\]*(?:\\.[^"\\]*)*"?)|[ \t\n\r]+/g, '$1') : text;
}

const NOTHING: Buffer = Buffer.alloc(0);
const LITERALS = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]));
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));
const HEX = new Set(Buffer.from('0123456789abcdefABCDEF'));
const BAD_STRING = 'a string with a bad escape, a control character or no end';

/**
 * Finds the members of JSON objects in their bytes, which must be UTF-8. Strict RFC 8259, and beyond it no duplicate name
 * in any object and at most {@link MAX_DOCUMENT_DEPTH} levels. What it has found is valid until it scans another object.
 * Neither text nor memory of its own for what is only looked at: a bulk write would leave all of it behind as garbage.
 */
export class ObjectScanner implements ScannedObject {
  readonly places: number[] = [];
  members = 0;
  hasBlanks = false;
  escapes = 0;
  readonly #names: Names[] = [];
  #bytes: Buffer = NOTHING;
  #at = 0;

  scan(bytes: Buffer): ScannedObject {
    this.#bytes = bytes;
    this.#at = 0;
    this.members = 0;
    this.hasBlanks = false;
    this.escapes = 0;
    this.#blanks();
    if (bytes[this.#at] !== ASCII.openObject) throw this.#error('expected an object');
    this.#object(1);
    this.#blanks();
    if (this.#at < bytes.length) throw this.#error('unexpected text after the object');
    return this;
  }

  #value(depth: number): void {
    const first = this.#bytes[this.#at];
    if (first === ASCII.quote) this.#string(BAD_STRING);
    else if (first === ASCII.openObject) this.#object(depth + 1);
    else if (first === ASCII.openArray) this.#array(depth + 1);
    else if (first === ASCII.minus || this.#isDigit(this.#at)) this.#number();
    else this.#literal();
  }

  #object(depth: number): void {
    this.#enter(depth);
    if (this.#closes(ASCII.closeObject)) return;
    const names = (this.#names[depth] ??= new Names());
    names.begin(this.#bytes);
    do {
      this.#blanks();
      const keyStart = this.#at;
      this.#name(names);
      const keyEnd = this.#at;
      this.#expectColon();
      const valueStart = this.#at;
      this.#value(depth);
      if (depth === 1) this.#found(keyStart, keyEnd, valueStart);
    } while (this.#goesOn(ASCII.closeObject));
  }

  #found(keyStart: number, keyEnd: number, valueStart: number): void {
    const { places } = this;
    const at = PLACES * this.members++;
    places[at] = keyStart;
    places[at + 1] = keyEnd;
    places[at + 2] = valueStart;
    places[at + 3] = this.#at;
  }

  #name(names: Names): void {
    const start = this.#at;
    const { escapes } = this;
    if (this.#bytes[start] !== ASCII.quote) throw this.#error('expected a name in quotes');
    this.#string('expected a name in quotes');
    if (names.add(start, this.#at, this.escapes > escapes)) return;
    const key = this.#bytes.toString('utf8', start, this.#at).slice(0, 100);
    this.#at = start;
    throw this.#error(`the name ${key} comes twice`);
  }

  #array(depth: number): void {
    this.#enter(depth);
    if (this.#closes(ASCII.closeArray)) return;
    do {
      this.#blanks();
      this.#value(depth);
    } while (this.#goesOn(ASCII.closeArray));
  }

  #enter(depth: number): void {
    if (depth > MAX_DOCUMENT_DEPTH) throw this.#error(`more than ${MAX_DOCUMENT_DEPTH} levels`);
    this.#at++;
  }

  #closes(bracket: number): boolean {
    this.#blanks();
    if (this.#bytes[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  /** After a member or an element: true at a comma, false at the closing bracket. */
  #goesOn(bracket: number): boolean {
    if (this.#closes(bracket)) return false;
    if (this.#bytes[this.#at] !== ASCII.comma) throw this.#error(`expected , or ${String.fromCharCode(bracket)}`);
    this.#at++;
    return true;
  }

  #expectColon(): void {
    this.#blanks();
    if (this.#bytes[this.#at] !== ASCII.colon) throw this.#error('expected :');
    this.#at++;
    this.#blanks();
  }

  /** From its first quote to behind its last one. */
  #string(problem: string): void {
    const bytes = this.#bytes;
    const end = bytes.length;
    let at = this.#at + 1;
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === ASCII.quote) {
        this.#at = at + 1;
        return;
      }
      if (byte < ASCII.space) break;
      if (byte !== ASCII.backslash) continue;
      const last = this.#lastOfEscape(at);
      if (last === undefined) break;
      at = last;
    }
    throw this.#error(problem);
  }

  #lastOfEscape(at: number): number | undefined {
    this.escapes++;
    const escaped = this.#bytes[at + 1] ?? 0;
    if (ESCAPED.has(escaped)) return at + 1;
    if (escaped !== ASCII.u) return undefined;
    for (let digit = at + 2; digit < at + 6; digit++) if (!HEX.has(this.#bytes[digit] ?? 0)) return undefined;
    return at + 5;
  }

  #literal(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    const word = LITERALS.get(bytes[start] ?? 0);
    if (!word) throw this.#error('expected a value');
    for (let n = 1; n < word.length; n++) if (bytes[start + n] !== word[n]) throw this.#error('expected a value');
    this.#at = start + word.length;
  }

  #number(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] === ASCII.minus) at++;
    if (!this.#isDigit(at)) throw this.#error('expected a value');
    at = bytes[at] === ASCII.zero ? at + 1 : this.#behindDigits(at);
    if (bytes[at] === ASCII.point) at = this.#isDigit(at + 1) ? this.#behindDigits(at + 1) : at;
    if (bytes[at] === ASCII.e || bytes[at] === ASCII.upperE) {
      const digits = bytes[at + 1] === ASCII.plus || bytes[at + 1] === ASCII.minus ? at + 2 : at + 1;
      if (this.#isDigit(digits)) at = this.#behindDigits(digits);
    }
    this.#at = at;
  }

  #behindDigits(start: number): number {
    let at = start;
    while (this.#isDigit(at)) at++;
    return at;
  }

  #isDigit(at: number): boolean {
    const byte = this.#bytes[at] ?? 0;
    return byte >= ASCII.zero && byte <= ASCII.nine;
  }

  #blanks(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    while (at < bytes.length && isBlankByte(bytes[at] ?? 0)) at++;
    if (at === start) return;
    this.hasBlanks = true;
    this.#at = at;
  }

  #error(reason: string): JsonSyntaxError {
    return new JsonSyntaxError(reason, this.#bytes.toString('utf8', 0, this.#at).length);
  }
}
