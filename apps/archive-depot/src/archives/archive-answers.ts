import type { FileHandle } from 'node:fs/promises';

import type { FastifyReply } from 'fastify';

import { BYTES_TYPE, RangeUnsatisfiableError, sendBytes } from '@tidemark/nest';

import { contentRangeOf, dialectOf, parseRange, type Slice } from '../ranges/range.js';
import type { ArchiveFacts, OpenedArchive } from '../store/archive-folder.js';
import type { Received, Whole } from '../store/upload.js';
import { matches, matchesWeakly } from './preconditions.js';
import { PreconditionError } from '../errors.js';

const CHUNK_BYTES = 256 * 1024;
/** Slices that are told at most, the first ones. */
const MAX_TOLD = 64;
const COVERED_HEADER = 'x-tidemark-covered';

/** Answers GET and HEAD: all of it, one range of it, or that the caller has it already. Closes the archive. */
export async function sendArchive(
  reply: FastifyReply,
  archive: OpenedArchive,
  onSent: (bytes: number) => void,
): Promise<void> {
  const { headers } = reply.request;
  const { etag, bytes, handle } = archive;
  try {
    if (headers['if-match'] !== undefined && !matches(headers['if-match'], etag)) {
      throw new PreconditionError('If-Match', etag);
    }
    if (headers['if-none-match'] !== undefined && matchesWeakly(headers['if-none-match'], etag)) {
      await reply.code(304).header('etag', etag).send();
      return;
    }
    const dialect = dialectOf(headers['user-agent']);
    const slice = wantedSlice(headers, archive);
    if (slice === 'UNSATISFIABLE') throw new RangeUnsatisfiableError(bytes);
    const { start, end } = slice === 'WHOLE' ? { start: 0, end: bytes } : slice;
    const ranged = slice === 'WHOLE' ? {} : { 'content-range': contentRangeOf(slice, bytes, dialect) };
    await sendBytes(reply, {
      status: slice === 'WHOLE' ? 200 : 206,
      headers: { ...headersOf(archive), ...ranged, 'content-length': end - start },
      body: read(handle, { start, end }, onSent),
    });
  } finally {
    await handle.close();
  }
}

/** 202 while bytes are missing, 201 or 204 with the entity tag when it is whole, 200 for what was there already. */
export async function sendReceived(
  reply: FastifyReply,
  { fresh, coverage, whole }: Received,
  total: number,
): Promise<void> {
  void reply.header(COVERED_HEADER, coveredText(coverage.slices, total));
  if (whole?.published) await sendStored(reply, whole);
  else if (whole) await reply.code(200).header('etag', whole.etag).send();
  else await reply.code(fresh ? 202 : 200).send();
}

export async function sendStored(reply: FastifyReply, { etag, created }: Whole): Promise<void> {
  await reply
    .code(created ? 201 : 204)
    .header('etag', etag)
    .send();
}

/** Such as `bytes 0-99,200-299/1000`, with ends that count; a star where there is none. */
function coveredText(slices: readonly Slice[], total: number): string {
  const told = slices.slice(0, MAX_TOLD).map(({ start, end }) => `${start}-${end - 1}`);
  return `bytes ${told.join(',') || '*'}/${total}`;
}

function wantedSlice(
  headers: FastifyReply['request']['headers'],
  { bytes, etag }: ArchiveFacts,
): ReturnType<typeof parseRange> {
  const ifRange = headers['if-range'];
  if (typeof ifRange === 'string' && ifRange.trim() !== etag) return 'WHOLE';
  return parseRange(headers.range, bytes, dialectOf(headers['user-agent']));
}

function headersOf({ etag, modifiedAtMicros }: ArchiveFacts): Record<string, string> {
  return {
    'content-type': BYTES_TYPE,
    'accept-ranges': 'bytes',
    etag,
    'last-modified': new Date(modifiedAtMicros / 1000).toUTCString(),
  };
}

async function* read(
  handle: FileHandle,
  { start, end }: Slice,
  onSent: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for (let position = start; position < end;) {
    const length = Math.min(CHUNK_BYTES, end - position);
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(length), 0, length, position);
    if (bytesRead === 0) throw new Error('an archive has become shorter while it was read');
    position += bytesRead;
    onSent(bytesRead);
    yield buffer.subarray(0, bytesRead);
  }
}
