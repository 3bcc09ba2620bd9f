import type { BulkResult } from '@tidemark/contracts';

import type { FreeBlocks } from './batch-memory.js';
import { Batch, bytesInBatch } from './batch.js';
import type { ParsedLine } from './bulk-lines.js';
import { writeBatch, type BatchResult } from './write-batch.js';
import type { WriteContext } from './write-transaction.js';

const BATCH_LINES = 10_000;
const BATCH_BYTES = 8 * 1024 * 1024;
/** As many as 10,000 usual lines have. */
const AHEAD_BYTES = 2 * 1024 * 1024;

/**
 * Gathers lines to batches and writes them one after another: a batch ends at 10,000 lines, 8 MiB, or a link that it
 * already holds. While one is being written the next is gathered, but no more than 2 MiB of it: 10 MiB are in memory at
 * most.
 */
export class BatchWriter {
  readonly #free: FreeBlocks = [];
  #batch = new Batch(this.#free);
  #written = new Batch(this.#free);
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #result: BulkResult = { accepted: 0, versions: 0, lastUpdateTimeMicros: null };

  constructor(private readonly context: WriteContext) {}

  /** A promise where the next line must wait; until then this one must stay as it is. */
  add({ link, document }: ParsedLine): Promise<void> | undefined {
    const { lines, memory } = this.#batch;
    const bytes = memory.length + bytesInBatch(document);
    const isFull = lines >= BATCH_LINES || bytes > BATCH_BYTES;
    if (lines > 0 && (isFull || this.#batch.has(link))) return this.#addAfter(this.#flush(), { link, document });
    if (bytes > AHEAD_BYTES && this.#isWriting) return this.#addAfter(this.#writing, { link, document });
    this.#batch.add(link, document);
    return undefined;
  }

  async #addAfter(before: Promise<void>, { link, document }: ParsedLine): Promise<void> {
    await before;
    this.#batch.add(link, document);
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
    const batch = this.#batch;
    if (batch.lines === 0) return;
    [this.#batch, this.#written] = [this.#written, batch];
    this.#isWriting = true;
    this.#writing = this.#write(batch);
    // A failure is met at the next await of it; until then it is not an unhandled one.
    this.#writing.catch(() => undefined);
  }

  async #write(batch: Batch): Promise<void> {
    const result = await writeBatch(this.context, batch);
    this.#count(batch.lines, result);
    batch.clear();
    this.#isWriting = false;
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
