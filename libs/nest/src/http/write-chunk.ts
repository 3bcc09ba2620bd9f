import type { FastifyReply } from 'fastify';

import { abortReason } from '@tidemark/platform';

import { RequestTimeoutError } from './http-errors.js';
import { serverStateOf } from './server-state.js';

export interface Room {
  readonly signal: AbortSignal;
  /** In place of the server's own. */
  readonly stallMillis?: number | undefined;
  /** Called when the chunk has gone to the caller's connection, whole. */
  readonly onSent?: () => void;
}

/**
 * Writes to a reply that was taken over from Fastify, and resolves when there is room for more. Throws the signal's
 * reason, and `RequestTimeoutError` when the caller has taken nothing for too long.
 */
export async function writeChunk(reply: FastifyReply, chunk: string | Uint8Array, room: Room): Promise<void> {
  room.signal.throwIfAborted();
  const { onSent } = room;
  const hasRoom = reply.raw.write(chunk, (error) => {
    if (!error) onSent?.();
  });
  if (!hasRoom) await roomIn(reply, room);
}

async function roomIn(
  reply: FastifyReply,
  { signal, stallMillis = serverStateOf(reply).limits.stallMillis }: Room,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const onStall = (): void => reject(new RequestTimeoutError('room for more of the answer', stallMillis));
  const onAbort = (): void => reject(abortReason(signal));
  const timer = setTimeout(onStall, stallMillis);
  reply.raw.once('drain', resolve);
  signal.addEventListener('abort', onAbort);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    reply.raw.removeListener('drain', resolve);
    signal.removeEventListener('abort', onAbort);
  }
}
