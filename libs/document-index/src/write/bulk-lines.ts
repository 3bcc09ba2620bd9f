import { checkDocumentLink, MAX_DOCUMENT_BYTES, TidemarkError } from '@tidemark/contracts';

import { DocumentInvalidError } from '../errors.js';
import { parseDocument } from '../json/document-json.js';
import { lineTail } from './copy-lines.js';
import type { BatchLine } from './write-batch.js';

const LF = 0x0a;

/**
 * Splits NDJSON into its lines, without their ends. A line over {@link MAX_DOCUMENT_BYTES} comes cut off just above
 * the limit, so that it is refused by its size and never held whole.
 */
export async function* splitLines(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const keep = (piece: Buffer): void => {
    if (pendingBytes <= MAX_DOCUMENT_BYTES) pending.push(piece);
    pendingBytes += piece.byteLength;
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      keep(chunk.subarray(start, end));
      yield pending.length === 1 && pending[0] ? pending[0] : Buffer.concat(pending);
      pending = [];
      pendingBytes = 0;
      start = end + 1;
    }
    if (start < chunk.byteLength) keep(chunk.subarray(start));
  }
  if (pendingBytes > 0) yield Buffer.concat(pending);
}

export function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

/** A line as a batch takes it. Throws the coded error that says what is wrong with it. */
export function parseLine(line: Buffer): BatchLine {
  const document = parseDocument(line);
  if (document.selfLink === undefined) throw new DocumentInvalidError('it has no documentSelfLink');
  const link = checkDocumentLink(document.selfLink);
  return { link, tail: document.updateAction === 'DELETE' ? null : lineTail(document) };
}

export function reasonOf(error: unknown): string {
  if (error instanceof TidemarkError) return error.message;
  throw error;
}
