import { BUILT_IN_FIELDS, MAX_DOCUMENT_DEPTH } from '@tidemark/contracts';

import { jsonShape } from '../format/json-shape.js';
import { Sought } from './sought.js';

const BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b;
const OPENING_BRACKET = 0x5b;
const BUILT_IN: ReadonlySet<string> = new Set(BUILT_IN_FIELDS);

/**
 * Checks what no database finds wrong with a body: that every reader sees its escapes alike, that it is no deeper than
 * a document may be, and that it has none of the fields that are columns of their own. Whether it is JSON is not asked.
 * What most bodies do not have is looked for in whole blocks; only the few that have it are looked at closely.
 */
export class BodyCheck {
  readonly #escape = new Sought(BACKSLASH);
  readonly #openings = [OPENING_BRACE, OPENING_BRACKET].map((bracket) => new Sought(bracket));
  /** How a built-in field begins: short, which is found in a third of the time. */
  readonly #field = new Sought(Buffer.from('"docu'));
  /** Letters of a name as escapes. */
  readonly #letters = ['\\\\u006', '\\\\u007'].map((letter) => new Sought(Buffer.from(letter)));

  /** What is wrong with the body at `from`, up to before `to`; undefined where nothing is. */
  broken(block: Buffer, from: number, to: number): string | undefined {
    const isEscaped = this.#escape.in(block, from) < to;
    if (isEscaped && this.#hasOddEscape(block, from, to)) return 'its body has an escape that COPY does not write';
    const isNamed = this.#field.in(block, from) < to || (isEscaped && this.#hasLetters(block, from, to));
    if (!isNamed && !this.#mayBeDeep(block, from, to)) return undefined;
    const json = block.toString('latin1', from, to).replaceAll('\\\\', '\\');
    if (jsonShape(Buffer.from(json, 'latin1')).levels > MAX_DOCUMENT_DEPTH) {
      return `its body is nested deeper than ${MAX_DOCUMENT_DEPTH} levels`;
    }
    return isNamed && topNames(json).some((name) => BUILT_IN.has(name)) ? 'its body has a built-in field' : undefined;
  }

  /** In compact JSON there is none of what has another escape than the backslash itself. */
  #hasOddEscape(block: Buffer, from: number, to: number): boolean {
    for (let at = this.#escape.in(block, from); at < to; at = this.#escape.in(block, at + 2)) {
      if (block[at + 1] !== BACKSLASH) return true;
    }
    return false;
  }

  #hasLetters(block: Buffer, from: number, to: number): boolean {
    for (const letter of this.#letters) if (letter.in(block, from) < to) return true;
    return false;
  }

  #mayBeDeep(block: Buffer, from: number, to: number): boolean {
    if (to - from <= 2 * MAX_DOCUMENT_DEPTH) return false;
    let left = MAX_DOCUMENT_DEPTH;
    for (const opening of this.#openings) {
      for (let at = opening.in(block, from); at < to; at = opening.in(block, at + 1)) if (--left < 0) return true;
    }
    return false;
  }
}

/** A string that does not end goes up to the end, so that its quotes are not tried again. */
const TOKEN = /"(?:[^"\\]|\\[^])*(?:"|\\?$)|[{}[\]:]/g;

/** Names of an object's own members, where the text is an object's. */
function topNames(json: string): string[] {
  const names: string[] = [];
  let depth = 0;
  let last = '';
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token === ':' && depth === 1) names.push(textOf(last));
    last = token;
  }
  return names;
}

function textOf(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return '';
  }
}
