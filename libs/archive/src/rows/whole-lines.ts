import { MAX_LINE_BYTES } from '../format/limits.js';

const LF = 0x0a;

/** A line is over {@link MAX_LINE_BYTES} long. */
export class LineTooLongError extends Error {}

/** Cuts chunks of any size at line ends. Copies only lines that lie across chunks; holds one line at most. */
export class WholeLines {
  #unended: Buffer[] = [];
  #bytes = 0;

  /** Gives back, in order, what has become whole with this chunk: blocks of one or more lines. */
  *add(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    if (this.#bytes > 0) {
      start = chunk.indexOf(LF) + 1;
      if (start > 0) yield Buffer.concat([...this.#take(), chunk.subarray(0, start)]);
    }
    const end = Math.max(start, chunk.lastIndexOf(LF) + 1);
    if (end > start) yield chunk.subarray(start, end);
    if (end < chunk.length) this.#keep(chunk.subarray(end));
  }

  /** The line that has not ended; empty when all have. */
  rest(): Buffer {
    return Buffer.concat(this.#take());
  }

  #keep(piece: Buffer): void {
    this.#unended.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > MAX_LINE_BYTES) throw new LineTooLongError();
  }

  #take(): Buffer[] {
    const pieces = this.#unended;
    this.#unended = [];
    this.#bytes = 0;
    return pieces;
  }
}
