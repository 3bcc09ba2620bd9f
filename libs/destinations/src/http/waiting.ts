import { systemClock } from '@tidemark/platform';

import type { Patience } from './http-limits.js';

/** Aborts {@link signal} when one request is silent for too long, or takes too long as a whole. */
export class Waiting {
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #sinceMillis = 0;
  #waitedMillis = 0;
  #isWaiting = false;

  constructor(private readonly patience: Patience) {}

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Why the signal aborted. */
  get complaint(): string | undefined {
    return this.signal.aborted ? String(this.signal.reason) : undefined;
  }

  /** Counts while `work` is under way. */
  async during<T>(work: PromiseLike<T>): Promise<T> {
    this.#isWaiting = true;
    this.#begin();
    try {
      return await work;
    } finally {
      this.#isWaiting = false;
      this.#end();
    }
  }

  /** Does not count while `work` is under way: nobody but us is slow. */
  async aside<T>(work: PromiseLike<T>): Promise<T> {
    this.#end();
    try {
      return await work;
    } finally {
      if (this.#isWaiting && this.#timer === undefined) this.#begin();
    }
  }

  /** Something moved. */
  heard(): void {
    if (this.#timer === undefined) return;
    this.#end();
    this.#begin();
  }

  #begin(): void {
    const { silenceMillis, requestMillis } = this.patience;
    const left = requestMillis - this.#waitedMillis;
    this.#sinceMillis = systemClock.monotonicMillis();
    this.#timer = setTimeout(
      () => {
        const silent = silenceMillis < left;
        this.#abort.abort(
          silent ? `nothing moved for ${silenceMillis} ms` : `a request was not done after ${requestMillis} ms`,
        );
      },
      Math.max(0, Math.min(silenceMillis, left)),
    );
  }

  #end(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitedMillis += systemClock.monotonicMillis() - this.#sinceMillis;
  }
}
