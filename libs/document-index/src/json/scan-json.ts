import { MAX_DOCUMENT_DEPTH } from '@tidemark/contracts';

/** A member of a JSON object, as written: `text.slice(keyStart, keyEnd)` is the quoted name, the value likewise. */
export interface Member {
  /** The name with its escapes resolved. */
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

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

/**
 * The members of the JSON object that `text` is, nothing converted: numbers keep every digit, strings every escape.
 * Strict RFC 8259, and beyond it no duplicate name in any object and at most {@link MAX_DOCUMENT_DEPTH} levels.
 */
export function scanObject(text: string): Member[] {
  const scanner = new Scanner(text);
  const members = scanner.topObject();
  scanner.end();
  return members;
}

/** Removes the blanks between the tokens of a text that is known to be JSON. */
export function compactJson(text: string): string {
  return /[ \t\n\r]/.test(text) ? text.replace(/("[^"\\]*(?:\\.[^"\\]*)*"?)|[ \t\n\r]+/g, '$1') : text;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** A string without control characters and with whole escapes; the class is every character but those, " and \. */
const STRING = /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*"/y;
const BLANKS = /[ \t\n\r]*/y;
const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };

class Scanner {
  #at = 0;

  constructor(readonly text: string) {}

  topObject(): Member[] {
    this.#blanks();
    if (this.text[this.#at] !== '{') throw this.#error('expected an object');
    const members: Member[] = [];
    this.#object(1, (member) => members.push(member));
    return members;
  }

  end(): void {
    this.#blanks();
    if (this.#at < this.text.length) throw this.#error('unexpected text after the object');
  }

  #value(depth: number): void {
    const first = this.text[this.#at];
    if (first === '{') this.#object(depth + 1);
    else if (first === '[') this.#array(depth + 1);
    else if (first === '"') this.#token(STRING, 'a string with a bad escape, a control character or no end');
    else if (first !== undefined && first in LITERALS) this.#literal(LITERALS[first] ?? '');
    else this.#token(NUMBER, 'expected a value');
  }

  #object(depth: number, onMember?: (member: Member) => void): void {
    this.#enter(depth);
    const names = new Names();
    if (this.#closes('}')) return;
    do {
      this.#blanks();
      const keyStart = this.#at;
      this.#token(STRING, 'expected a name in quotes');
      const key = this.text.slice(keyStart, this.#at);
      const name = nameOf(key);
      if (!names.add(name)) throw new JsonSyntaxError(`the name ${key.slice(0, 100)} comes twice`, keyStart);
      this.#expect(':');
      const valueStart = this.#at;
      this.#value(depth);
      onMember?.({ name, key, value: this.text.slice(valueStart, this.#at) });
    } while (this.#goesOn('}'));
  }

  #array(depth: number): void {
    this.#enter(depth);
    if (this.#closes(']')) return;
    do {
      this.#blanks();
      this.#value(depth);
    } while (this.#goesOn(']'));
  }

  #enter(depth: number): void {
    if (depth > MAX_DOCUMENT_DEPTH) throw this.#error(`more than ${MAX_DOCUMENT_DEPTH} levels`);
    this.#at++;
  }

  #closes(bracket: string): boolean {
    this.#blanks();
    if (this.text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  /** After a member or an element: true at a comma, false at the closing bracket. */
  #goesOn(bracket: string): boolean {
    if (this.#closes(bracket)) return false;
    if (this.text[this.#at] !== ',') throw this.#error(`expected , or ${bracket}`);
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    this.#blanks();
    if (this.text[this.#at] !== character) throw this.#error(`expected ${character}`);
    this.#at++;
    this.#blanks();
  }

  #literal(word: string): void {
    if (!this.text.startsWith(word, this.#at)) throw this.#error('expected a value');
    this.#at += word.length;
  }

  #token(pattern: RegExp, problem: string): void {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.text)) throw this.#error(problem);
    this.#at = pattern.lastIndex;
  }

  #blanks(): void {
    const code = this.text.charCodeAt(this.#at);
    if (code > 0x20 || Number.isNaN(code)) return;
    BLANKS.lastIndex = this.#at;
    BLANKS.test(this.text);
    this.#at = BLANKS.lastIndex;
  }

  #error(reason: string): JsonSyntaxError {
    return new JsonSyntaxError(reason, this.#at);
  }
}

/** The names of one object; a list for the few that most have, a set beyond. */
class Names {
  readonly #few: string[] = [];
  #many: Set<string> | undefined;

  add(name: string): boolean {
    if (this.#many ? this.#many.has(name) : this.#few.includes(name)) return false;
    if (this.#many) this.#many.add(name);
    else if (this.#few.push(name) > 16) this.#many = new Set(this.#few);
    return true;
  }
}

function nameOf(key: string): string {
  return key.includes('\\') ? (JSON.parse(key) as string) : key.slice(1, -1);
}
