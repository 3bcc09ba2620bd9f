import type { JobStore } from '@tidemark/jobs';
import type { Clock } from '@tidemark/platform';

import type { Doorbells } from '../jobs/doorbells.js';
import type { JobEnds } from '../jobs/job-ends.js';
import type { Switches } from './switches.js';

/** Of each kind in one turn. */
const LIMIT = 100;
/** How long a doorbell, or a question for a switch, has to bring something about before it is made again. */
const AGAIN = { ringSeconds: 10, switchSeconds: 30 };
const PURGE_MILLIS = 60 * 60_000;

export interface SweepOptions {
  readonly jobs: JobStore;
  readonly doorbells: Doorbells;
  readonly switches: Switches;
  readonly ends: JobEnds;
  readonly clock: Clock;
  readonly leaseSeconds: number;
}

/** Makes good for lost messages, dead workers and missed answers, one turn at a time. Safe on any number of gateways. */
export class Sweep {
  /** Before that, a lease may have run out only because no gateway was there to extend it. */
  readonly #leasesCountFrom: number;
  #purgeFrom: number;
  /** At its first turn it waits for nothing: what was rung or asked for lately may have died with the one before it. */
  #again = { ringSeconds: 0, switchSeconds: 0 };

  constructor(private readonly options: SweepOptions) {
    const now = options.clock.monotonicMillis();
    this.#leasesCountFrom = now + options.leaseSeconds * 1000;
    this.#purgeFrom = now;
  }

  async turn(): Promise<void> {
    const now = this.options.clock.monotonicMillis();
    if (now >= this.#leasesCountFrom) await this.#expireLeases();
    await this.#ring();
    await this.#switch();
    await this.#tell();
    this.#again = AGAIN;
    if (now >= this.#purgeFrom) {
      await this.options.jobs.purgeIdempotencyKeys();
      this.#purgeFrom = now + PURGE_MILLIS;
    }
  }

  async #expireLeases(): Promise<void> {
    for (const job of await this.options.jobs.expireLeases(LIMIT)) await this.options.ends.follow(job);
  }

  /** A broker that does not take the first will not take the others. */
  async #ring(): Promise<void> {
    const { jobs, doorbells } = this.options;
    for (const job of await jobs.takeJobsToRing({ againAfterSeconds: this.#again.ringSeconds, limit: LIMIT })) {
      if (!(await doorbells.ring(job))) return;
    }
  }

  async #switch(): Promise<void> {
    const { jobs, switches } = this.options;
    const waiting = await jobs.takeSwitches({ againAfterSeconds: this.#again.switchSeconds, limit: LIMIT });
    for (const one of waiting) switches.start(one);
  }

  /** Ends that their gateway did not live to tell, or found no broker for. */
  async #tell(): Promise<void> {
    const { jobs, ends } = this.options;
    for (const job of await jobs.takeUntold(LIMIT)) {
      const isTold = await ends.tell(job).then(
        () => true,
        () => false,
      );
      if (!isTold) return;
    }
  }
}
