import type { OutgoingHttpHeaders } from 'node:http';

import type { FastifyReply } from 'fastify';

import { freeMemory } from '@tidemark/platform';

import { serverStateOf } from './server-state.js';
import { callerGone } from './waiting.js';
import { writeChunk } from './write-chunk.js';

export interface TrailedAnswer {
  readonly headers: OutgoingHttpHeaders;
  /** Its chunks are given away with their memory, as {@link freeMemory} says; it is free once they are sent. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Names of the trailers, announced before the body. */
  readonly trailerNames: readonly string[];
  /** Asked for their values when the body has been sent. */
  readonly trailers: () => Readonly<Record<string, string>>;
  /** How long the caller may take nothing; as long as the server lets others where nothing is said. */
  readonly stallMillis?: number;
}

/**
 * Answers 200 with a body whose facts are known only at its end and follow it as HTTP trailers. A body that fails before
 * its first byte gets an error body; one that fails later is cut off, so that it cannot be taken for whole.
 */
export async function sendWithTrailers(reply: FastifyReply, answer: TrailedAnswer): Promise<void> {
  const { raw } = reply.hijack();
  const signal = callerGone(reply);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) raw.setHeader(name, value);
  }
  raw.setHeader('trailer', answer.trailerNames.join(', '));
  if (serverStateOf(reply).stopping.aborted) raw.setHeader('connection', 'close');
  for await (const chunk of answer.body) {
    await writeChunk(reply, chunk, { signal, stallMillis: answer.stallMillis, onSent: () => freeMemory(chunk) });
  }
  raw.addTrailers(answer.trailers());
  raw.end();
}
