import { isIPv6 } from 'node:net';

import type { Clock } from '@tidemark/platform';

/** Attempts with a wrong token that an address has within a minute. */
export const MAX_FAILED = 10;
const WINDOW_MILLIS = 60_000;
const MAX_ADDRESSES = 10_000;

interface Window {
  failed: number;
  readonly endsAtMillis: number;
}

/** Counts failed attempts by address, for a minute from the first one; of at most so many addresses at a time. */
export class FailedAttempts {
  readonly #windows = new Map<string, Window>();

  constructor(private readonly clock: Clock) {}

  /** How long the address has to wait until it is listened to again; 0 while it need not. */
  waitSeconds(address: string): number {
    const window = this.#current(networkOf(address));
    if (!window || window.failed < MAX_FAILED) return 0;
    return Math.ceil((window.endsAtMillis - this.clock.monotonicMillis()) / 1000);
  }

  add(address: string): void {
    const network = networkOf(address);
    const window = this.#current(network);
    if (window) window.failed++;
    else this.#windows.set(network, { failed: 1, endsAtMillis: this.clock.monotonicMillis() + WINDOW_MILLIS });
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > MAX_ADDRESSES && oldest !== undefined) this.#windows.delete(oldest);
  }

  #current(network: string): Window | undefined {
    const window = this.#windows.get(network);
    if (!window || window.endsAtMillis > this.clock.monotonicMillis()) return window;
    this.#windows.delete(network);
    return undefined;
  }
}

/** A single caller has a whole /64 of IPv6 addresses to come from. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = [], tail] = address.split('::', 2).map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = tail ? Array<string>(8 - head.length - tail.length).fill('0') : [];
  return [...head, ...zeros, ...(tail ?? [])].slice(0, 4).join(':');
}
