import type { BulkResult } from '@tidemark/contracts';

import { LineInvalidError } from '../errors.js';
import { ObjectScanner } from '../json/scan-json.js';
import { BatchWriter } from './batch-writer.js';
import { isBlank, LineSplitter, parseLine, reasonOf, type ParsedLine } from './bulk-lines.js';
import type { WriteContext } from './write-transaction.js';

/**
 * Writes NDJSON, one document a line, in the batches of {@link BatchWriter}.
 * At a bad line everything before it is stored and {@link LineInvalidError} says how much that is.
 */
export async function bulkWrite(
  context: WriteContext,
  source: AsyncIterable<Buffer>,
  signal?: AbortSignal,
): Promise<BulkResult> {
  const batches = new BatchWriter(context);
  const writer = new LineWriter(batches);
  const lines = new LineSplitter();
  for await (const chunk of source) {
    signal?.throwIfAborted();
    lines.give(chunk);
    for (let text = lines.next(); text; text = lines.next()) {
      const written = writer.write(text);
      if (!written) continue;
      await written;
      signal?.throwIfAborted();
    }
  }
  const last = lines.last();
  if (last) await writer.write(last);
  return await batches.finish();
}

/** Hands lines on to batches and counts them. */
class LineWriter {
  #number = 0;
  readonly #scanner = new ObjectScanner();

  constructor(private readonly batches: BatchWriter) {}

  /** A promise where the next line must wait. */
  write(text: Buffer): Promise<void> | undefined {
    this.#number++;
    if (isBlank(text)) return undefined;
    let line: ParsedLine;
    try {
      line = parseLine(text, this.#scanner);
    } catch (error) {
      return this.#refuse(reasonOf(error));
    }
    return this.batches.add(line);
  }

  async #refuse(reason: string): Promise<never> {
    const { accepted } = await this.batches.finish();
    throw new LineInvalidError({ line: this.#number, stored: accepted }, reason);
  }
}
