import { MAX_LINE_BYTES } from '../format/limits.js';

const LF = 0x0a;

/** A line is over {@link MAX_LINE_BYTES} long. */
export class LineTooLongError extends Error {}

/** One or more whole lines. */
interface Lines {
  /** To be looked at before the next ones are asked for. */
  readonly block: Buffer;
  /** The same bytes as they came, to be kept. */
  readonly pieces: readonly Buffer[];
}

/**
 * Cuts chunks of any size at line ends; holds one line at most. Only a line that lies across chunks is copied, always
 * into the same memory: with long lines that is every one, and each would leave its size behind as garbage.
 */
export class WholeLines {
  #unended: Buffer[] = [];
  #bytes = 0;
  #joined = Buffer.alloc(0);

  /** Gives back, in order, what has become whole with this chunk. */
  *add(chunk: Buffer): Generator<Lines> {
    let start = 0;
    if (this.#bytes > 0) {
      start = chunk.indexOf(LF) + 1;
      if (start > 0) {
        this.#keep(chunk.subarray(0, start));
        yield this.#take();
      }
    }
    const end = Math.max(start, chunk.lastIndexOf(LF) + 1);
    if (end > start) yield { block: chunk.subarray(start, end), pieces: [chunk.subarray(start, end)] };
    if (end < chunk.length) this.#keep(chunk.subarray(end));
  }

  /** The line that has not ended; empty when all have. */
  rest(): Buffer {
    return this.#take().block;
  }

  #keep(piece: Buffer): void {
    this.#unended.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > MAX_LINE_BYTES) throw new LineTooLongError();
  }

  #take(): Lines {
    const [pieces, bytes] = [this.#unended, this.#bytes];
    this.#unended = [];
    this.#bytes = 0;
    if (bytes > this.#joined.length) this.#joined = Buffer.allocUnsafe(2 ** Math.ceil(Math.log2(bytes)));
    let at = 0;
    for (const piece of pieces) at += piece.copy(this.#joined, at);
    return { block: this.#joined.subarray(0, bytes), pieces };
  }
}
