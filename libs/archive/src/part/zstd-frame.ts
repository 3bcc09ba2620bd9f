import { MAX_WINDOW_LOG } from '../format/limits.js';

const MAGIC = 0xfd2fb528;
const MAX_BLOCK_BYTES = 128 * 1024;
const MAX_WINDOW_BYTES = 2 ** MAX_WINDOW_LOG;
const CHECKSUM_BYTES = 4;
/** Bytes of the content size field by the two highest bits of the descriptor; without a window at least one. */
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
/** A window's byte and the largest content size. */
const LARGEST_HEADER_BYTES = 9;

type Step = 'DESCRIPTOR' | 'SIZES' | 'BLOCK' | 'CHECKSUM' | 'END';

/** The bytes are not one zstd frame of the kind that archives have; the message says why. */
export class FrameError extends Error {}

/**
 * Walks through the headers of a zstd frame (RFC 8878) as its bytes pass, decoding nothing. Node's decoder stops
 * without a word after the first frame; this is who sees what comes behind, and what is missing.
 */
export class ZstdFrame {
  #step: Step = 'DESCRIPTOR';
  /** The header being collected, always in the same memory: a frame may have a million empty blocks. */
  readonly #header = Buffer.alloc(LARGEST_HEADER_BYTES);
  #held = 0;
  #wanted = 5;
  /** Bytes of block content still to pass. */
  #skip = 0;
  #lastBlock = false;
  #singleSegment = false;

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#step === 'END') throw new FrameError('there are bytes after its zstd frame');
      at += this.#skip > 0 ? this.#pass(chunk.length - at) : this.#hold(chunk[at] ?? 0);
    }
  }

  /** Throws unless the frame is complete. */
  end(): void {
    if (this.#step !== 'END') throw new FrameError('its zstd frame is cut off');
  }

  #pass(available: number): number {
    const passed = Math.min(this.#skip, available);
    this.#skip -= passed;
    if (this.#skip === 0) this.#afterBlock();
    return passed;
  }

  #hold(byte: number): number {
    this.#header[this.#held++] = byte;
    if (this.#held === this.#wanted) {
      this.#held = 0;
      this.#read();
    }
    return 1;
  }

  #read(): void {
    if (this.#step === 'DESCRIPTOR') this.#descriptor();
    else if (this.#step === 'SIZES') this.#sizes();
    else if (this.#step === 'BLOCK') this.#block();
    else this.#step = 'END';
  }

  #descriptor(): void {
    if (this.#header.readUInt32LE(0) !== MAGIC) throw new FrameError('it does not begin as a zstd frame');
    const descriptor = this.#header.readUInt8(4);
    if ((descriptor & 0b1011) !== 0) throw new FrameError('its zstd frame has a dictionary or unknown flags');
    if ((descriptor & 0b100) === 0) throw new FrameError('its zstd frame has no checksum');
    this.#singleSegment = (descriptor & 0b100000) !== 0;
    const contentSizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0;
    this.#expect('SIZES', this.#singleSegment ? Math.max(1, contentSizeBytes) : 1 + contentSizeBytes);
  }

  #sizes(): void {
    const sizes = this.#header.subarray(0, this.#wanted);
    const window = this.#singleSegment ? contentSize(sizes) : windowBytes(sizes.readUInt8(0));
    if (window > MAX_WINDOW_BYTES) throw new FrameError(`its zstd frame has a window over ${MAX_WINDOW_BYTES} bytes`);
    this.#expect('BLOCK', 3);
  }

  #block(): void {
    const bits = this.#header.readUIntLE(0, 3);
    const [type, size] = [(bits >> 1) & 3, bits >> 3];
    if (type === 3 || size > MAX_BLOCK_BYTES) throw new FrameError('its zstd frame has an impossible block');
    this.#lastBlock = (bits & 1) === 1;
    this.#skip = type === 1 ? 1 : size;
    if (this.#skip === 0) this.#afterBlock();
  }

  #afterBlock(): void {
    if (this.#lastBlock) this.#expect('CHECKSUM', CHECKSUM_BYTES);
    else this.#expect('BLOCK', 3);
  }

  #expect(step: Step, bytes: number): void {
    this.#step = step;
    this.#wanted = bytes;
  }
}

function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** A content size of two bytes starts at 256. */
function contentSize(header: Buffer): number {
  if (header.length === 8) return Number(header.readBigUInt64LE(0));
  return header.readUIntLE(0, header.length) + (header.length === 2 ? 256 : 0);
}
