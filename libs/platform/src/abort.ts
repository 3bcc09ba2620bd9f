import { setTimeout as delay } from 'node:timers/promises';

/** Waits, or throws the signal's reason as soon as it aborts. Keeps the process alive no longer than wanted. */
export async function sleep(millis: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await delay(millis, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** A signal that aborts when any of the given ones does; undefined ones are left out. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

/** The reason of an abort as an error, whatever was given as the reason. By shape: an error may be of another realm. */
export function abortReason({ reason }: AbortSignal): Error {
  const isError = typeof reason === 'object' && reason !== null && 'message' in reason && 'stack' in reason;
  return isError ? (reason as Error) : new Error('aborted', { cause: reason });
}
