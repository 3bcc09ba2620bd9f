import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import type { ArchiveSource } from '../../destination.js';
import { getRange, putRange, type Behaviour } from './test-server.contract.js';

const WORD_BYTES = 8;
/** Makes neighbours, and offsets that are the same in 32 bits, look different in every byte. */
const SPREAD = 0x9e3779b97f4a7c15n;

/** Archives of any size that nobody holds: each byte follows from its offset. */
export function virtualBytes(start: number, length: number): Buffer {
  const first = start - (start % WORD_BYTES);
  const words = Buffer.alloc(WORD_BYTES * Math.ceil((start + length - first) / WORD_BYTES));
  for (let at = 0; at < words.length; at += WORD_BYTES) {
    words.writeBigUInt64LE(BigInt.asUintN(64, (BigInt(first + at) + 1n) * SPREAD), at);
  }
  return words.subarray(start - first, start - first + length);
}

export function virtualSource(size: number): ArchiveSource {
  return {
    size,
    stream: (offset, length) => Readable.from([virtualBytes(offset, length)], { objectMode: false }),
    close: () => Promise.resolve(),
  };
}

/** Ranges as RFC 9110 has them; a PUT of other bytes than the archive's is 422. `told` is the total that it writes. */
export const virtual = (size: number, told = String(size)) => {
  return (): Behaviour => async (request, response) => {
    if (request.method === 'PUT') {
      const body = await buffer(request);
      const { start = 0 } = putRange(request) ?? {};
      response.writeHead(body.equals(virtualBytes(start, body.length)) ? 204 : 422).end();
      return true;
    }
    const range = getRange(request);
    if (range === undefined) return false;
    const last = Math.min(range.end, size - 1);
    const headers = { 'content-range': `bytes ${range.start}-${last}/${told}`, etag: '"virtual"' };
    response.writeHead(206, headers).end(virtualBytes(range.start, last - range.start + 1));
    return true;
  };
};

/** As the ancestor's file service sends it: 200, exclusive ends, and no number over 2^31 - 1 in what is asked for. */
export const virtualAncestor = (size: number, told = String(size)) => {
  return (): Behaviour => (request, response) => {
    const { start, end } = getRange(request) ?? { start: 0, end: Infinity };
    if (Math.max(start, end) > 2 ** 31 - 1) {
      response.writeHead(400).end('{"message":"For input string"}');
      return true;
    }
    const until = Math.min(end, size);
    const headers = { 'content-range': `bytes ${start}-${until}/${told}`, 'content-type': 'application/octet-stream' };
    response.writeHead(200, headers).end(virtualBytes(start, until - start));
    return true;
  };
};
