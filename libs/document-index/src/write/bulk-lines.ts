import { checkDocumentLink, MAX_DOCUMENT_BYTES, TidemarkError } from '@tidemark/contracts';

import { DocumentInvalidError } from '../errors.js';
import { parseDocument, type ParsedDocument } from '../json/document-json.js';

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/**
 * Splits NDJSON into its lines, without their ends; a line is valid until the next one is asked for. A line over
 * {@link MAX_DOCUMENT_BYTES} comes cut off just above the limit, so that it is refused by its size and never held whole.
 */
export async function* splitLines(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const begun = new BegunLine();
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      yield begun.endWith(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.byteLength) begun.add(chunk.subarray(start));
  }
  const last = begun.endWith(NOTHING);
  if (last.byteLength > 0) yield last;
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
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

/** A document whose link is one. Throws the coded error that says what is wrong with the line. */
export function parseLine(line: Buffer): { link: string; document: ParsedDocument } {
  const document = parseDocument(line);
  if (document.selfLink === undefined) throw new DocumentInvalidError('it has no documentSelfLink');
  return { link: checkDocumentLink(document.selfLink), document };
}

export function reasonOf(error: unknown): string {
  if (error instanceof TidemarkError) return error.message;
  throw error;
}
