import type { OutgoingHttpHeaders } from 'node:http';

import type { FastifyReply } from 'fastify';

import { serverStateOf } from './server-state.js';
import { callerGone } from './waiting.js';
import { writeChunk } from './write-chunk.js';

export interface BytesAnswer {
  readonly status: number;
  /** With a `content-length`: an answer that does not come to it is cut off. */
  readonly headers: OutgoingHttpHeaders;
  /** Not asked for anything where only the head is wanted. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Answers with bytes as fast as the caller takes them. A body that fails before its first byte gets an error body; one
 * that fails later is cut off. Throws `RequestTimeoutError` when the caller takes nothing for too long.
 */
export async function sendBytes(reply: FastifyReply, { status, headers, body }: BytesAnswer): Promise<void> {
  const { raw } = reply.hijack();
  const signal = callerGone(reply);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) raw.setHeader(name, value);
  }
  if (serverStateOf(reply).stopping.aborted) raw.setHeader('connection', 'close');
  raw.statusCode = status;
  if (reply.request.method !== 'HEAD') {
    for await (const chunk of body) await writeChunk(reply, chunk, { signal });
  }
  raw.end();
}
