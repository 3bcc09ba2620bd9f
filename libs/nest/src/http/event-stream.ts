import type { FastifyReply } from 'fastify';

import { waitOver } from './waiting.js';
import { writeChunk } from './write-chunk.js';

export interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  /** Sent as JSON. */
  readonly data: unknown;
}

export interface EventStreamOptions {
  /** Between comments that keep the connection alive. */
  readonly pingMillis?: number;
}

const PING_MILLIS = 15_000;

/**
 * Answers with Server-Sent Events: each event of the source as soon as the caller has taken the one before, so nothing
 * piles up. The source is given a signal that aborts when the caller goes away or the server stops, and then ends.
 * The answer begins at once, whenever the first event comes: what can be refused must have been refused before.
 */
export async function sendEvents(
  reply: FastifyReply,
  source: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>,
  { pingMillis = PING_MILLIS }: EventStreamOptions = {},
): Promise<void> {
  const { raw } = reply.hijack();
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'close' };
  if (reply.request.method === 'HEAD') {
    raw.writeHead(200, headers).end();
    return;
  }
  const signal = waitOver(reply);
  const events = source(signal)[Symbol.asyncIterator]();
  raw.writeHead(200, headers).flushHeaders();
  const pings = setInterval(() => raw.writableNeedDrain || raw.write(': ping\n\n'), pingMillis);
  try {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      await writeChunk(reply, format(next.value), { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(pings);
    await events.return?.();
  }
  raw.end();
}

/** JSON has no raw line breaks, so the data is always one line. */
function format({ id, event, data }: ServerSentEvent): string {
  const fields = [id === undefined ? '' : `id: ${id}\n`, event === undefined ? '' : `event: ${event}\n`];
  return `${fields.join('')}data: ${JSON.stringify(data)}\n\n`;
}
