import type { ParsedDocument } from '../json/document-json.js';
import { copyField } from '../postgres/copy-text.js';
import type { BatchMemory } from './batch-memory.js';

/** A version that a bulk write adds; `tail` is of {@link lineTail}. */
export interface CopiedVersion {
  readonly link: string;
  readonly version: number;
  readonly tail: Buffer;
}

/**
 * What a line of COPY text has behind its action: kind, expiration, body and the line end. Bytes and not text, so that
 * a batch waits for its turn outside the heap, where the collector does not carry it around.
 */
export function lineTail({ kind, expirationTimeMicros, body }: ParsedDocument, memory: BatchMemory): Buffer {
  const head = `${copyField(kind ?? null)}\t${copyField(expirationTimeMicros ?? null)}\t`;
  const text = copyField(body);
  const tail = memory.take(Buffer.byteLength(head) + Buffer.byteLength(text) + 1);
  const at = tail.write(head);
  tail[at + tail.write(text, at)] = LF;
  return tail;
}

/** COPY text of versions under one stamp, in chunks worth a write; a large tail goes out as it is, not copied. */
export function* copyLines(versions: Iterable<CopiedVersion>, stamp: number): Generator<Buffer> {
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let filled = 0;
  const take = (): Buffer => {
    const taken = chunk.subarray(0, filled);
    chunk = chunk.subarray(filled);
    filled = 0;
    return taken;
  };
  for (const { link, version, tail } of versions) {
    const head = `${copyField(link)}\t${version}\t${stamp}\tPUT\t`;
    const large = tail.length >= LARGE_BYTES;
    if (filled + head.length + (large ? 0 : tail.length) > chunk.length) {
      if (filled > 0) yield take();
      chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    }
    filled += chunk.write(head, filled, 'latin1');
    if (large) {
      yield take();
      yield tail;
    } else {
      filled += tail.copy(chunk, filled);
    }
  }
  if (filled > 0) yield take();
}

const LF = 0x0a;
const CHUNK_BYTES = 64 * 1024;
const LARGE_BYTES = 16 * 1024;
