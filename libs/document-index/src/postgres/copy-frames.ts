const HEADER_BYTES = 5;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
/** Start of a COPY, ParameterStatus, NoticeResponse, NotificationResponse: they may come at any time, and say nothing here. */
const PASSED_OVER = new Set([0x48, 0x53, 0x4e, 0x41]);

/** What a chunk of the connection had in it. */
export interface Stripped {
  /** Rows, in the chunk's own memory. */
  readonly rows: Buffer;
  /** Undefined while the COPY goes on; then what came behind it, an ErrorResponse included. */
  readonly rest: Buffer | undefined;
}

/**
 * Takes COPY's rows out of the messages that PostgreSQL wraps each of them in (protocol 3.0, "COPY Operations"). Chunks
 * may be cut anywhere. Rows are moved together within the chunk that they came in: nothing is allocated for them.
 */
export class CopyFrames {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #code = 0;
  /** Of the message's content, still to come. */
  #left = 0;

  strip(chunk: Buffer): Stripped {
    let at = 0;
    let end = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const to = Math.min(chunk.length, at + this.#left);
        if (this.#code === COPY_DATA) {
          if (end !== at) chunk.copyWithin(end, at, to);
          end += to - at;
        }
        this.#left -= to - at;
        at = to;
      } else {
        const read = this.#readHeader(chunk, at);
        at += read;
        if (this.#headerBytes < HEADER_BYTES) break;
        this.#headerBytes = 0;
        if (this.#code === COPY_DONE) return { rows: chunk.subarray(0, end), rest: chunk.subarray(at) };
        if (this.#code !== COPY_DATA && !PASSED_OVER.has(this.#code)) {
          return { rows: chunk.subarray(0, end), rest: Buffer.concat([this.#header, chunk.subarray(at)]) };
        }
      }
    }
    return { rows: chunk.subarray(0, end), rest: undefined };
  }

  /** Goes on with a message's code and length; returns the bytes that it took. */
  #readHeader(chunk: Buffer, at: number): number {
    const bytes = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length - at);
    for (let n = 0; n < bytes; n++) this.#header[this.#headerBytes + n] = chunk[at + n] ?? 0;
    this.#headerBytes += bytes;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#code = this.#header[0] ?? 0;
      this.#left = this.#header.readUInt32BE(1) - (HEADER_BYTES - 1);
    }
    return bytes;
  }
}
