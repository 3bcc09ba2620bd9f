import { isUtf8 } from 'node:buffer';

import { BUILT_IN_FIELDS, MAX_DOCUMENT_BYTES, TooLargeError } from '@tidemark/contracts';

import { DocumentInvalidError } from '../errors.js';
import { ASCII } from './ascii.js';
import { nameOf } from './names.js';
import { compactJson, JsonSyntaxError, ObjectScanner, PLACES, type ScannedObject } from './scan-json.js';

const BUILT_IN: ReadonlySet<string> = new Set(BUILT_IN_FIELDS);

/**
 * Finds a document's fields in its bytes, and is valid as long as they are, and until its scanner scans another. Throws
 * DOCUMENT_INVALID or TOO_LARGE.
 */
export function scanDocument(bytes: Buffer, scanner = new ObjectScanner()): DocumentBytes {
  if (bytes.byteLength > MAX_DOCUMENT_BYTES) throw new TooLargeError('the document', MAX_DOCUMENT_BYTES);
  if (!isUtf8(bytes)) throw new DocumentInvalidError('it is not UTF-8');
  try {
    return new DocumentBytes(bytes, scanner.scan(bytes));
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new DocumentInvalidError(error.message);
    throw error;
  }
}

/** A document where it was received: the built-in fields as values, its own still as bytes. */
export class DocumentBytes {
  readonly kind: string | null | undefined;
  readonly expirationTimeMicros: number | null | undefined;
  readonly selfLink: string | undefined;
  readonly updateAction: string | undefined;
  /** Starts and ends of what the body is made of: members of its own that follow one another. */
  readonly runs: readonly number[];

  constructor(
    readonly bytes: Buffer,
    readonly scanned: ScannedObject,
  ) {
    const builtIn = new Map<string, string>();
    this.runs = this.#split(builtIn);
    this.kind = stringOrNull(builtIn, 'documentKind');
    this.expirationTimeMicros = microsOrNull(builtIn, 'documentExpirationTimeMicros');
    this.selfLink = stringOrNull(builtIn, 'documentSelfLink') ?? undefined;
    this.updateAction = stringOrNull(builtIn, 'documentUpdateAction') ?? undefined;
  }

  /** Compact JSON object text of its own fields, every token as written. */
  get body(): string {
    const texts: string[] = [];
    for (let n = 0; n < this.runs.length; n += 2) texts.push(this.#text(this.runs[n], this.runs[n + 1]));
    return `{${texts.map(this.scanned.hasBlanks ? compactJson : String).join(',')}}`;
  }

  /** Takes the built-in fields out and gives the runs of the others. */
  #split(builtIn: Map<string, string>): number[] {
    const { places, members } = this.scanned;
    const runs: number[] = [];
    let isRun = false;
    for (let n = 0; n < PLACES * members; n += PLACES) {
      const name = this.#builtInName(places[n] ?? 0, places[n + 1] ?? 0);
      const start = places[name === undefined ? n : n + 2] ?? 0;
      const end = places[n + 3] ?? 0;
      if (name !== undefined) builtIn.set(name, this.#text(start, end));
      else if (isRun) runs[runs.length - 1] = end;
      else runs.push(start, end);
      isRun = name === undefined;
    }
    return runs;
  }

  #builtInName(start: number, end: number): string | undefined {
    const first = this.bytes[start + 1];
    if (first !== ASCII.d && first !== ASCII.backslash) return undefined;
    const name = nameOf(this.#text(start, end));
    return BUILT_IN.has(name) ? name : undefined;
  }

  #text(start: number | undefined, end: number | undefined): string {
    return this.bytes.toString('utf8', start, end);
  }
}

type Values = ReadonlyMap<string, string>;

function stringOrNull(values: Values, name: string): string | null | undefined {
  const value = parsed(values, name);
  if (value === undefined || value === null) return value;
  if (typeof value !== 'string') throw new DocumentInvalidError(`${name} must be a string`);
  if (!value.isWellFormed() || value.includes('\0')) {
    throw new DocumentInvalidError(`${name} must be text without NUL and lone surrogates`);
  }
  return value;
}

function microsOrNull(values: Values, name: string): number | null | undefined {
  const value = parsed(values, name);
  if (value === undefined || value === null) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new DocumentInvalidError(`${name} must be a whole number of microseconds from 0 to 9007199254740991`);
}

function parsed(values: Values, name: string): unknown {
  const value = values.get(name);
  if (value === undefined) return undefined;
  return value.startsWith('"') && !value.includes('\\') ? value.slice(1, -1) : (JSON.parse(value) as unknown);
}
