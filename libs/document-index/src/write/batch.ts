import { ASCII, isBlankByte } from '../json/ascii.js';
import type { DocumentBytes } from '../json/document-bytes.js';
import { copyField } from '../postgres/copy-text.js';
import { BatchMemory, type FreeBlocks } from './batch-memory.js';

/** Of the usual line. */
const NO_FIELDS = Buffer.from('\\N\t\\N\t');

/**
 * Lines of a bulk write, no link twice. Of a line that writes, it has what a line of COPY text has behind its action:
 * kind, expiration, body and the line end. Bytes in few large blocks and numbers in few lists, so that the collector has
 * nothing to carry around while a batch waits for its turn.
 */
export class Batch {
  readonly #numbers = new Map<string, number>();
  /** Where the text of a line ends, which is where that of the next begins. One that deletes has none. */
  readonly #ends: number[] = [];
  readonly #deletes = new Set<string>();
  readonly memory: BatchMemory;

  constructor(free: FreeBlocks) {
    this.memory = new BatchMemory(free);
  }

  get lines(): number {
    return this.#ends.length;
  }

  /** Links of lines that write. */
  get puts(): string[] {
    const links = [...this.#numbers.keys()];
    return this.#deletes.size === 0 ? links : links.filter((link) => !this.#deletes.has(link));
  }

  get deletes(): readonly string[] {
    return [...this.#deletes];
  }

  has(link: string): boolean {
    return this.#numbers.has(link);
  }

  isDelete(link: string): boolean {
    return this.#deletes.has(link);
  }

  add(link: string, document: DocumentBytes): void {
    this.#numbers.set(link, this.lines);
    if (document.updateAction === 'DELETE') this.#deletes.add(link);
    else appendTail(document, this.memory);
    this.#ends.push(this.memory.length);
  }

  /** Where the text of a link's line is in the memory. */
  placeOf(link: string): { start: number; end: number } {
    const number = this.#numbers.get(link) ?? NaN;
    return { start: number === 0 ? 0 : (this.#ends[number - 1] ?? NaN), end: this.#ends[number] ?? NaN };
  }

  clear(): void {
    this.#numbers.clear();
    this.#deletes.clear();
    this.#ends.length = 0;
    this.memory.clear();
  }
}

/** Bytes that a line takes up in a batch, or some more. */
export function bytesInBatch({ bytes, scanned }: DocumentBytes): number {
  return bytes.byteLength + scanned.escapes;
}

function appendTail(document: DocumentBytes, memory: BatchMemory): void {
  const { kind = null, expirationTimeMicros = null, runs, scanned } = document;
  if (kind === null && expirationTimeMicros === null) memory.append(NO_FIELDS);
  else memory.append(Buffer.from(`${copyField(kind)}\t${copyField(expirationTimeMicros)}\t`));
  memory.push(ASCII.openObject);
  for (let n = 0; n < runs.length; n += 2) {
    const [start = 0, end = 0] = [runs[n], runs[n + 1]];
    if (n > 0) memory.push(ASCII.comma);
    if (scanned.hasBlanks || scanned.escapes > 0) appendCompact(document.bytes, memory, { start, end });
    else memory.append(document.bytes, start, end);
  }
  memory.push(ASCII.closeObject);
  memory.push(ASCII.lineFeed);
}

/** JSON without the blanks between its tokens, each backslash doubled as COPY wants it. */
function appendCompact(bytes: Buffer, memory: BatchMemory, { start, end }: { start: number; end: number }): void {
  let inString = false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (!inString && isBlankByte(byte)) continue;
    if (byte === ASCII.quote) inString = !inString;
    memory.push(byte);
    if (byte !== ASCII.backslash) continue;
    memory.push(ASCII.backslash);
    memory.push(bytes[++at] ?? 0);
    if (bytes[at] === ASCII.backslash) memory.push(ASCII.backslash);
  }
}
