import type { Writable } from 'node:stream';

import { ContentUnfitError } from '../errors.js';
import { MAX_LINE_BYTES } from '../format/limits.js';
import { RowScan } from '../rows/row-scan.js';

const LF = 0x0a;
/** Small chunks cost the compressor more than collecting them does. */
const BLOCK_BYTES = 256 * 1024;

/**
 * Collects COPY text into blocks of whole rows and writes them into the compressor, which it ends after the last row
 * or after the row with which the part is full. Two buffers take turns, one being filled while the other is being
 * compressed: rows are copied, but no memory is asked for each of them.
 */
export class RowPacker {
  readonly scan: RowScan;
  /** Whether rows were left when the part was full. */
  cut = false;
  #filling = Buffer.allocUnsafe(BLOCK_BYTES);
  #filled = 0;
  #spare = Buffer.allocUnsafe(BLOCK_BYTES);
  #compressing: Promise<void> = Promise.resolve();

  constructor(
    private readonly compressor: Writable,
    maxRawBytes: number,
  ) {
    this.scan = new RowScan(maxRawBytes);
  }

  /** Takes rows, in chunks of any size, until they end or the part is full; nothing more is asked for then. */
  async pack(rows: AsyncIterator<Buffer, unknown>): Promise<void> {
    for (let taken = await rows.next(); taken.done !== true; taken = await rows.next()) {
      await this.#collect(taken.value);
      if (this.cut) return;
    }
    await this.#packRest();
  }

  async #collect(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length && !this.cut;) {
      if (this.scan.full) return this.#cutOff();
      const copied = chunk.copy(this.#filling, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === this.#filling.length) await this.#packWholeRows();
    }
  }

  async #packWholeRows(): Promise<void> {
    const end = this.#endOfRows();
    if (end === 0) {
      this.#makeRoom();
      return;
    }
    const taken = await this.#pack(end);
    if (this.#spare.length < this.#filling.length) this.#spare = Buffer.allocUnsafe(this.#filling.length);
    this.#filled = this.#filling.copy(this.#spare, 0, end);
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    if (taken < end || (this.scan.full && this.#filled > 0)) await this.#cutOff();
  }

  async #packRest(): Promise<void> {
    if (this.cut) return;
    const end = this.#endOfRows();
    if (end > 0) this.cut = (await this.#pack(end)) < end;
    if (end < this.#filled && !this.cut) throw this.#unfit('it has no line end');
    await this.#end();
  }

  #endOfRows(): number {
    return this.#filling.subarray(0, this.#filled).lastIndexOf(LF) + 1;
  }

  /** Starts to compress the collected rows up to `end`, or up to where the part is full; returns where that is. */
  async #pack(end: number): Promise<number> {
    const taken = this.scan.take(this.#filling.subarray(0, end));
    await this.#compressing;
    const block = this.#filling.subarray(0, taken);
    this.#compressing = new Promise((resolve, reject) => {
      this.compressor.write(block, (error) => (error ? reject(error) : resolve()));
    });
    this.#compressing.catch(() => undefined);
    return taken;
  }

  async #cutOff(): Promise<void> {
    this.cut = true;
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#compressing;
    this.compressor.end();
    // Not left to the garbage collector: parts follow each other fast.
    for (const { buffer } of [this.#filling, this.#spare]) if ('transfer' in buffer) buffer.transfer(0);
  }

  #makeRoom(): void {
    if (this.#filled > MAX_LINE_BYTES) throw this.#unfit(`it is over ${MAX_LINE_BYTES} bytes long`);
    const larger = Buffer.allocUnsafe(2 * this.#filling.length);
    this.#filling.copy(larger);
    this.#filling = larger;
  }

  #unfit(what: string): ContentUnfitError {
    return new ContentUnfitError(`row ${this.scan.rows + 1} of a part: ${what}`);
  }
}
