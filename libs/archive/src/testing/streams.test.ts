import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { ByteSource } from '../byte-source.js';
import { asError } from '../streams/as-error.js';

/** Support for the tests beside it (no test itself: its name has no tier). Bytes as streams and back. */

export function readableOf(bytes: Buffer, chunkBytes = 64 * 1024): Readable {
  return Readable.from(slices(bytes, chunkBytes), { objectMode: false });
}

function* slices(bytes: Buffer, chunkBytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export async function bytesOf(stream: Readable): Promise<Buffer> {
  const sink = memorySink();
  await pipeline(stream, sink);
  return sink.bytes();
}

export function memorySink(): Writable & { bytes(): Buffer } {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done): void {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(sink, { bytes: () => Buffer.concat(chunks) });
}

/** A source in memory; `opened` is what was asked of it. */
export function memorySource(bytes: Buffer, chunkBytes?: number): ByteSource & { opened: [number, number][] } {
  const opened: [number, number][] = [];
  return {
    size: bytes.length,
    opened,
    stream(offset, length): Readable {
      opened.push([offset, length]);
      if (offset < 0 || length < 1 || offset + length > bytes.length) throw new Error('a range outside of the source');
      return readableOf(bytes.subarray(offset, offset + length), chunkBytes);
    },
  };
}

/** A source that lends what another one brings, and spoils each chunk as soon as the next one is asked for. */
export function lendingSource(source: ByteSource): ByteSource {
  async function* lent(stream: Readable): AsyncGenerator<Buffer> {
    const memory = Buffer.alloc(64 * 1024);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length;) {
        const copied = chunk.copy(memory, 0, at);
        yield memory.subarray(0, copied);
        memory.fill(0xff);
        at += copied;
      }
    }
  }
  return { ...source, lend: (offset, length, signal) => lent(source.stream(offset, length, signal)) };
}

/** A readable that brings some bytes and then nothing, for ever. */
export function stalledReadable(bytes: Buffer = Buffer.alloc(0)): Readable {
  const stream = new Readable({ read: () => undefined });
  if (bytes.length > 0) stream.push(bytes);
  return stream;
}

/** Resolves with the error that the stream or promise ends with. */
export async function failureOf(work: Promise<unknown> | Readable): Promise<Error> {
  const outcome = work instanceof Readable ? bytesOf(work) : work;
  return outcome.then(() => {
    throw new Error('it did not fail');
  }, asError);
}
