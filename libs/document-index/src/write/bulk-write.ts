import type { BulkResult } from '@tidemark/contracts';

import { LineInvalidError } from '../errors.js';
import { BatchMemory } from './batch-memory.js';
import { isBlank, parseLine, reasonOf, splitLines } from './bulk-lines.js';
import { lineTail } from './copy-lines.js';
import { writeBatch, type BatchLine, type BatchResult } from './write-batch.js';
import type { WriteContext } from './write-transaction.js';

const BATCH_LINES = 10_000;
const BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Writes NDJSON, one document a line, in batches: a batch ends at 10,000 lines, 8 MiB, or a link that it already holds.
 * While one batch is being written the next one is read, so two are in memory at most.
 * At a bad line everything before it is stored and {@link LineInvalidError} says how much that is.
 */
export async function bulkWrite(
  context: WriteContext,
  source: AsyncIterable<Buffer>,
  signal?: AbortSignal,
): Promise<BulkResult> {
  const batches = new BatchWriter(context);
  let number = 0;
  for await (const text of splitLines(source)) {
    signal?.throwIfAborted();
    number++;
    if (isBlank(text)) continue;
    let line: ReturnType<typeof parseLine>;
    try {
      line = parseLine(text);
    } catch (error) {
      const reason = reasonOf(error);
      const { accepted } = await batches.finish();
      throw new LineInvalidError({ line: number, stored: accepted }, reason);
    }
    await batches.add(line, text.byteLength);
  }
  return await batches.finish();
}

/** Gathers lines to batches and writes them one after another. */
class BatchWriter {
  #lines = new Map<string, BatchLine>();
  #bytes = 0;
  /** Of the batch that is gathered, and of the one that is being written. */
  #memory = new BatchMemory();
  #writtenFrom = new BatchMemory();
  #writing: Promise<void> = Promise.resolve();
  #result: BulkResult = { accepted: 0, versions: 0, lastUpdateTimeMicros: null };

  constructor(private readonly context: WriteContext) {}

  async add({ link, document }: ReturnType<typeof parseLine>, bytes: number): Promise<void> {
    const full = this.#lines.size >= BATCH_LINES || this.#bytes + bytes > BATCH_BYTES;
    if (this.#lines.size > 0 && (full || this.#lines.has(link))) await this.#flush();
    this.#lines.set(link, { link, tail: document.updateAction === 'DELETE' ? null : lineTail(document, this.#memory) });
    this.#bytes += bytes;
  }

  /** Resolves when everything added is committed. */
  async finish(): Promise<BulkResult> {
    await this.#flush();
    await this.#writing;
    return this.#result;
  }

  /** Starts writing what was gathered, as soon as the batch before is committed. */
  async #flush(): Promise<void> {
    await this.#writing;
    const lines = [...this.#lines.values()];
    this.#lines = new Map();
    this.#bytes = 0;
    if (lines.length === 0) return;
    [this.#memory, this.#writtenFrom] = [this.#writtenFrom, this.#memory];
    this.#memory.clear();
    this.#writing = writeBatch(this.context, lines).then((result) => this.#count(lines.length, result));
    // A failure is met at the next await of it; until then it is not an unhandled one.
    this.#writing.catch(() => undefined);
  }

  #count(lines: number, { versions, stamp }: BatchResult): void {
    const { accepted, versions: before, lastUpdateTimeMicros } = this.#result;
    this.#result = {
      accepted: accepted + lines,
      versions: before + versions,
      lastUpdateTimeMicros: stamp ?? lastUpdateTimeMicros,
    };
  }
}
