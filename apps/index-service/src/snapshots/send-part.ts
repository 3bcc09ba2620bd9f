import type { FastifyReply } from 'fastify';

import { encodePart } from '@tidemark/archive';
import { PART_HEADERS, partFactsToHeaders, type Range } from '@tidemark/contracts';
import type { DocumentIndex } from '@tidemark/document-index';
import { BYTES_TYPE, callerGone, sendWithTrailers } from '@tidemark/nest';

/**
 * For a worker that reads slowly on purpose. What a connection buffers comes to megabytes, and only when much of it has
 * been read is there room for more: at 64 KiB a second, half a minute.
 */
const STALL_MILLIS = 300_000;

interface PartRequest {
  readonly sessionId: string;
  readonly range: Range;
}

/** Streams the first part of a range; what it is and where the next one starts follows as trailers. */
export async function sendPart(
  reply: FastifyReply,
  snapshots: DocumentIndex['snapshots'],
  request: PartRequest,
): Promise<void> {
  const signal = callerGone(reply);
  let trailers: Record<string, string> = {};
  const body = async function* (): AsyncGenerator<Uint8Array> {
    trailers = yield* packedRange(snapshots, request, signal);
  };
  await sendWithTrailers(reply, {
    headers: { 'content-type': BYTES_TYPE },
    body: body(),
    trailerNames: Object.values(PART_HEADERS),
    trailers: () => trailers,
    stallMillis: STALL_MILLIS,
  });
}

/** Yields the part's bytes and returns its trailers. The copy's connection is given back before another one is asked for. */
async function* packedRange(
  snapshots: DocumentIndex['snapshots'],
  { sessionId, range }: PartRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, Record<string, string>> {
  const copy = await snapshots.copy(sessionId, range);
  const part = encodePart(copy.rows, { maxRawBytes: copy.maxRawBytes, signal });
  try {
    for await (const chunk of part.content) yield chunk as Buffer;
  } finally {
    await copy.end();
  }
  const { facts, cut } = await part.outcome;
  const next = cut ? await snapshots.placeAfter(sessionId, range, facts.rows) : '';
  return { ...partFactsToHeaders(facts), [PART_HEADERS.next]: next };
}
