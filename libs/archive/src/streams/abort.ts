import type { Readable, Writable } from 'node:stream';

import { asError } from './as-error.js';

/**
 * Destroys the stream with the signal's reason when it aborts, or now when it has. That may be while nobody reads the
 * stream yet: its error is then no uncaught one but waits for who does.
 */
export function destroyOnAbort(stream: Readable | Writable, signal: AbortSignal | undefined): void {
  stream.on('error', () => undefined);
  if (!signal) return;
  const abort = (): void => void stream.destroy(asError(signal.reason));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', abort));
}

/** Waits for `work`, but no longer than until the signal aborts; then throws its reason. */
export async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(asError(signal.reason));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
