import { sleep, systemClock, type Clock, type Logger } from '@tidemark/platform';

import type { GatewayClient } from '../clients/gateway-client.js';
import { AttemptCancelled, LeaseLost } from './attempt-ends.js';

export interface LeaseOptions {
  readonly jobId: string;
  readonly fence: number;
  readonly leaseSeconds: number;
  /** When the claim that began the lease was sent last, on the monotonic clock. */
  readonly claimedAtMillis: number;
}

const BEAT_MILLIS = 1000;

/**
 * Keeps the lease of an attempt by heartbeats, and aborts {@link signal} when the attempt must stop. The lease counts
 * from the sending of the last heartbeat that was answered, on the monotonic clock: a process that was frozen knows at
 * its first turn that it may not go on.
 */
export class Lease {
  readonly #stop = new AbortController();
  readonly #lost = new AbortController();
  #validFromMillis: number;
  #beating: Promise<void> = Promise.resolve();

  constructor(
    private readonly gateway: GatewayClient,
    private readonly options: LeaseOptions,
    private readonly context: { readonly log: Logger; readonly clock?: Clock },
  ) {
    this.#validFromMillis = options.claimedAtMillis;
  }

  /** Aborts with {@link AttemptCancelled} or {@link LeaseLost}. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** A claim that was answered too late has no lease to keep. */
  start(): void {
    if (!this.#hasRunOut()) this.#beating = this.#beat();
  }

  /** Aborts {@link signal} for a reason that another call brought. */
  end(reason: AttemptCancelled | LeaseLost): void {
    this.#lost.abort(reason);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#beating;
  }

  async #beat(): Promise<void> {
    const { signal } = this.#stop;
    const period = Math.min(BEAT_MILLIS, (this.options.leaseSeconds * 1000) / 4);
    for (;;) {
      await sleep(period, signal).catch(() => undefined);
      if (signal.aborted || this.#hasRunOut() || (await this.#isOver())) return;
    }
  }

  #hasRunOut(): boolean {
    const hasRunOut = this.#remainingMillis() <= 0;
    if (hasRunOut) this.#lost.abort(new LeaseLost('no heartbeat was answered for the time of a lease'));
    return hasRunOut;
  }

  async #isOver(): Promise<boolean> {
    const sentMillis = this.#clock.monotonicMillis();
    const { jobId, fence } = this.options;
    const signal = AbortSignal.any([
      this.#stop.signal,
      AbortSignal.timeout(Math.max(1, Math.ceil(this.#remainingMillis()))),
    ]);
    try {
      const verdict = await this.gateway.heartbeat(jobId, fence, signal);
      this.#validFromMillis = sentMillis;
      if (verdict === 'LOST') this.#lost.abort(new LeaseLost('another attempt runs this job'));
      if (verdict === 'CANCEL') this.#lost.abort(new AttemptCancelled('the job was cancelled'));
      return verdict === 'LOST';
    } catch (error) {
      if (!this.#stop.signal.aborted) this.context.log.warn({ err: error }, 'a heartbeat was not answered');
      return false;
    }
  }

  #remainingMillis(): number {
    return this.#validFromMillis + this.options.leaseSeconds * 1000 - this.#clock.monotonicMillis();
  }

  get #clock(): Clock {
    return this.context.clock ?? systemClock;
  }
}
