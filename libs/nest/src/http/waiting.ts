import type { FastifyReply } from 'fastify';

import { serverStateOf } from './server-state.js';

/** Aborts when the caller goes away before its answer is complete. For work that is of no use to anybody else. */
export function callerGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  whenClosed(reply, () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('the caller has gone away'));
  });
  return gone.signal;
}

/** As `callerGone`, and when the server is told to close. For a request that only waits for something to happen. */
export function waitOver(reply: FastifyReply): AbortSignal {
  const over = new AbortController();
  const { stopping } = serverStateOf(reply);
  const onStopping = (): void => over.abort(stopping.reason);
  if (stopping.aborted) onStopping();
  stopping.addEventListener('abort', onStopping);
  whenClosed(reply, () => {
    stopping.removeEventListener('abort', onStopping);
    if (!reply.raw.writableFinished) over.abort(new Error('the caller has gone away'));
  });
  return over.signal;
}

function whenClosed({ raw }: FastifyReply, look: () => void): void {
  if (raw.closed) look();
  else raw.once('close', look);
}
