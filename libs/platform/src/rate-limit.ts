import { sleep } from './abort.js';
import { systemClock, type Clock } from './clock.js';
import { Slots } from './slots.js';

/** What may move at once after a pause, in time at the rate: enough for timers that ring late. */
const BURST_MILLIS = 100;

export interface RateLimitPorts {
  readonly clock?: Clock;
  readonly wait?: (millis: number, signal?: AbortSignal) => Promise<void>;
}

/** Lets at most so many bytes a second pass, of all callers together, in the order in which they ask. */
export class RateLimit {
  readonly #turns = new Slots(1);
  readonly #clock: Clock;
  readonly #wait: NonNullable<RateLimitPorts['wait']>;
  /** When what has passed is made up for. */
  #evenMillis = -Infinity;

  constructor(
    readonly bytesPerSecond: number,
    { clock = systemClock, wait = sleep }: RateLimitPorts = {},
  ) {
    this.#clock = clock;
    this.#wait = wait;
  }

  /** Resolves when so many bytes may pass. Throws the signal's reason as soon as it aborts; nothing has passed then. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    await this.#turns.run(() => this.#pass(bytes, signal), signal);
  }

  async #pass(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const nowMillis = this.#clock.monotonicMillis();
    const evenMillis = Math.max(this.#evenMillis, nowMillis - BURST_MILLIS) + (1000 * bytes) / this.bytesPerSecond;
    if (evenMillis > nowMillis) await this.#wait(evenMillis - nowMillis, signal);
    this.#evenMillis = evenMillis;
  }
}
