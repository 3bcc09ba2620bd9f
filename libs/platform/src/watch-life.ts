import { sleep } from './abort.js';

export interface LifeWatch {
  /** Aborts when there is no sign of life any more. */
  readonly signal: AbortSignal;
  /** To be called when nobody is waited for any more. */
  end(): void;
}

export interface LifeWatchOptions {
  /** How long after the beginning, and after each answer, a sign of life is asked for; and how long that is waited for. */
  readonly everyMillis: number;
  /** After about so long it is silence, whatever is answered. */
  readonly limitMillis?: number;
}

/**
 * Watches somebody who is waited for, by asking for any sign of life from time to time. Being slow is no silence: what
 * is waited for may take as long as it likes. `ask` resolves with any answer and rejects without.
 */
export function watchLife(
  ask: (signal: AbortSignal) => Promise<unknown>,
  { everyMillis, limitMillis = Infinity }: LifeWatchOptions,
): LifeWatch {
  const [silent, ended] = [new AbortController(), new AbortController()];
  const watch = async (): Promise<void> => {
    for (let millis = 0; millis < limitMillis; millis += everyMillis) {
      await sleep(everyMillis, ended.signal);
      await ask(AbortSignal.any([ended.signal, AbortSignal.timeout(everyMillis)]));
    }
    throw new Error(`nothing came within ${limitMillis / 1000} s`);
  };
  watch().catch((error: unknown) => {
    if (!ended.signal.aborted) silent.abort(error);
  });
  return { signal: silent.signal, end: () => ended.abort() };
}
