import { checkDocumentLink, MAX_DOCUMENT_BYTES, TidemarkError } from '@tidemark/contracts';

import { DocumentInvalidError } from '../errors.js';
import { ASCII, isBlankByte } from '../json/ascii.js';
import { scanDocument, type DocumentBytes } from '../json/document-bytes.js';
import type { ObjectScanner } from '../json/scan-json.js';

const NOTHING = Buffer.alloc(0);

/**
 * Splits NDJSON into its lines, without their ends; a line is valid until the next one is asked for. A line over
 * {@link MAX_DOCUMENT_BYTES} comes cut off just above the limit, so that it is refused by its size and never held whole.
 * Asked and not awaited for each line: most are short, and a promise for each would cost more than what is done with it.
 */
export class LineSplitter {
  readonly #begun = new BegunLine();
  #chunk: Buffer = NOTHING;
  #start = 0;

  /** After `next` has given everything of the chunk before. */
  give(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#start = 0;
  }

  /** The next line that ends in the chunk; undefined where none does. */
  next(): Buffer | undefined {
    const start = this.#start;
    const end = this.#chunk.indexOf(ASCII.lineFeed, start);
    if (end === -1) {
      if (start < this.#chunk.byteLength) this.#begun.add(this.#chunk.subarray(start));
      this.#start = this.#chunk.byteLength;
      return undefined;
    }
    this.#start = end + 1;
    return this.#begun.endWith(this.#chunk.subarray(start, end));
  }

  /** What is behind the last line end, once all is given; undefined where that is nothing. */
  last(): Buffer | undefined {
    const last = this.#begun.endWith(NOTHING);
    return last.byteLength > 0 ? last : undefined;
  }
}

/** A line whose end is still to come, put together in memory that the next one uses again. */
class BegunLine {
  #memory = Buffer.allocUnsafe(1024);
  #bytes = 0;

  add(piece: Buffer): void {
    const bytes = Math.min(this.#bytes + piece.byteLength, MAX_DOCUMENT_BYTES + 1);
    if (bytes > this.#memory.byteLength) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(2 * this.#memory.byteLength, bytes), MAX_DOCUMENT_BYTES + 1));
      this.#memory.copy(larger, 0, 0, this.#bytes);
      this.#memory = larger;
    }
    this.#bytes += piece.copy(this.#memory, this.#bytes, 0, bytes - this.#bytes);
  }

  endWith(piece: Buffer): Buffer {
    if (this.#bytes === 0) return piece;
    this.add(piece);
    const line = this.#memory.subarray(0, this.#bytes);
    this.#bytes = 0;
    return line;
  }
}

export function isBlank(line: Buffer): boolean {
  for (const byte of line) if (!isBlankByte(byte)) return false;
  return true;
}

/** Valid as long as the bytes of its line, and until its scanner scans another. */
export interface ParsedLine {
  readonly link: string;
  readonly document: DocumentBytes;
}

/** A document whose link is one. Throws the coded error that says what is wrong with the line. */
export function parseLine(line: Buffer, scanner?: ObjectScanner): ParsedLine {
  const document = scanDocument(line, scanner);
  if (document.selfLink === undefined) throw new DocumentInvalidError('it has no documentSelfLink');
  return { link: checkDocumentLink(document.selfLink), document };
}

export function reasonOf(error: unknown): string {
  if (error instanceof TidemarkError) return error.message;
  throw error;
}
