import { sleep } from '@tidemark/platform';

import { FailedRequest } from './failures.js';
import type { Retries } from './http-limits.js';

/** Counts the failures of one request and waits between them. */
export class RetryRule {
  #failures = 0;

  constructor(private readonly retries: Retries) {}

  /** Bytes have come: what failed before does not count any more. */
  progressed(): void {
    this.#failures = 0;
  }

  /** Waits until it is time for another request; throws the error itself where that is not worth it. */
  async next(error: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!(error instanceof FailedRequest) || !error.facts.worthwhile) throw error;
    this.#failures++;
    if (this.#failures >= this.retries.attempts) throw error;
    await sleep(this.#delayMillis(error.facts.retryAfterMillis), signal);
  }

  /** What the server asks for, bounded, is the least; jitter comes on top, so that callers do not come back as one. */
  #delayMillis(askedFor: number | undefined): number {
    const { firstDelayMillis, maxDelayMillis, maxRetryAfterMillis } = this.retries;
    const ceiling = Math.min(maxDelayMillis, firstDelayMillis * 2 ** (this.#failures - 1));
    const own = ceiling / 2 + (Math.random() * ceiling) / 2;
    return askedFor === undefined ? own : Math.max(own, Math.min(askedFor, maxRetryAfterMillis) + own / 2);
  }
}

/** Runs a request until it succeeds or {@link RetryRule} gives up; throws {@link FailedRequest} then. */
export async function withRetries<T>(retries: Retries, request: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const rule = new RetryRule(retries);
  for (;;) {
    signal.throwIfAborted();
    try {
      return await request();
    } catch (error) {
      await rule.next(error, signal);
    }
  }
}

/** The error for the job in place of the failed request. */
export async function coded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw codedError(error);
  }
}

export function codedError(error: unknown): unknown {
  return error instanceof FailedRequest ? error.coded : error;
}
