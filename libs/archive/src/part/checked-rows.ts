import type { PartFacts } from '@tidemark/contracts';

import { ArchiveDamagedError } from '../errors.js';
import { LineTooLongError, WholeLines } from '../rows/whole-lines.js';
import { RowCheck } from '../rows/row-check.js';
import { CheckingTransform } from '../streams/checking-transform.js';

/** Codes of errors that come out of the decoder itself. */
const DECODER_ERROR = /^(ZSTD|Z)_/;

/** Lets whole, checked lines through; holds back a line until its end is there. */
export class CheckedRows extends CheckingTransform {
  readonly #lines = new WholeLines();
  readonly #check: RowCheck;
  #rawBytes = 0;

  constructor(
    private readonly entry: string,
    private readonly expected: PartFacts,
  ) {
    super();
    this.#check = new RowCheck(entry);
  }

  /** Before the stream keeps the error: who comes to it later is told the one that it keeps. */
  override destroy(error?: Error): this {
    const fromDecoder = error && 'code' in error && DECODER_ERROR.test(String(error.code));
    return super.destroy(
      fromDecoder ? new ArchiveDamagedError(this.entry, 'its zstd frame cannot be decoded', error) : error,
    );
  }

  protected override onChunk(chunk: Buffer): void {
    this.#rawBytes += chunk.length;
    if (this.#rawBytes > this.expected.rawBytes) {
      throw this.#damaged(`it has more than its ${this.expected.rawBytes} bytes of rows`);
    }
    for (const { block, pieces } of this.#whole(chunk)) {
      this.#check.check(block);
      for (const piece of pieces) this.push(piece);
    }
  }

  protected override onEnd(): void {
    this.#check.check(this.#lines.rest());
    const { rows, minUpdateTimeMicros, maxUpdateTimeMicros } = this.#check;
    const found = { rawBytes: this.#rawBytes, rows, minUpdateTimeMicros, maxUpdateTimeMicros };
    for (const fact of ['rawBytes', 'rows', 'minUpdateTimeMicros', 'maxUpdateTimeMicros'] as const) {
      if (found[fact] !== this.expected[fact]) {
        throw this.#damaged(`its ${fact} is ${found[fact]} and should be ${this.expected[fact]}`);
      }
    }
  }

  *#whole(chunk: Buffer): ReturnType<WholeLines['add']> {
    try {
      yield* this.#lines.add(chunk);
    } catch (error) {
      throw error instanceof LineTooLongError ? this.#check.lineTooLong() : error;
    }
  }

  #damaged(what: string): ArchiveDamagedError {
    return new ArchiveDamagedError(this.entry, what);
  }
}
