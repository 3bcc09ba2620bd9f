import { Readable } from 'node:stream';

import type { ByteSource } from '../byte-source.js';

/** Support for the tests beside it (no test itself). Bytes of which most are zeros that are nowhere kept. */

export interface SparseBytes {
  readonly size: number;
  readonly pieces: readonly { readonly at: number; readonly bytes: Buffer }[];
}

export function sparseOf(bytes: Buffer | SparseBytes): SparseBytes {
  return Buffer.isBuffer(bytes) ? { size: bytes.length, pieces: [{ at: 0, bytes }] } : bytes;
}

export function wholeOf(bytes: Buffer | SparseBytes): Buffer {
  const { size, pieces } = sparseOf(bytes);
  const whole = Buffer.alloc(size);
  for (const piece of pieces) piece.bytes.copy(whole, piece.at);
  return whole;
}

/** A source of them; `asked` are the ranges that were asked for, `brought` how many bytes were taken. */
export function sparseSource(sparse: SparseBytes): ByteSource & { asked: [number, number][]; brought: number } {
  const source = {
    size: sparse.size,
    asked: [] as [number, number][],
    brought: 0,
    stream(offset: number, length: number): Readable {
      source.asked.push([offset, length]);
      if (offset < 0 || length < 1 || offset + length > sparse.size) throw new Error('a range outside of the source');
      return Readable.from(counted(offset, offset + length), { objectMode: false });
    },
  };
  function* counted(from: number, to: number): Generator<Buffer> {
    for (let at = from; at < to; at += CHUNK_BYTES) {
      const chunk = chunkOf(sparse, at, Math.min(to, at + CHUNK_BYTES));
      source.brought += chunk.length;
      yield chunk;
    }
  }
  return source;
}

const CHUNK_BYTES = 64 * 1024;

function chunkOf({ pieces }: SparseBytes, from: number, to: number): Buffer {
  const chunk = Buffer.alloc(to - from);
  for (const { at, bytes } of pieces) {
    if (at >= to || at + bytes.length <= from) continue;
    bytes.copy(chunk, Math.max(0, at - from), Math.max(0, from - at), Math.max(0, to - at));
  }
  return chunk;
}
