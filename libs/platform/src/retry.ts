import { sleep } from './abort.js';

export interface RetryRule {
  /** Runs at most, the first included; Infinity tries until the signal aborts. */
  readonly attempts: number;
  readonly firstDelayMillis: number;
  readonly maxDelayMillis: number;
  /** Whether it is worth another run after this error. */
  readonly retriable: (error: unknown) => boolean;
}

/** Runs `work` until it succeeds, by doubling delays with jitter between the runs; throws the last error. */
export async function retry<T>(rule: RetryRule, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (attempt >= rule.attempts || signal?.aborted || !rule.retriable(error)) throw error;
      await sleep(delayMillis(rule, attempt), signal);
    }
  }
}

function delayMillis(rule: RetryRule, attempt: number): number {
  const ceiling = Math.min(rule.maxDelayMillis, rule.firstDelayMillis * 2 ** (attempt - 1));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}
