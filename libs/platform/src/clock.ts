/** The two times of a process. Lint forbids reading them in any other way. */
export interface Clock {
  /** Microseconds since the epoch, by this machine's clock. Never for ordering: stamps and leases are the database's. */
  nowMicros(): number;
  /** Milliseconds that only rise, from an arbitrary start. */
  monotonicMillis(): number;
}

export const systemClock: Clock = {
  nowMicros: () => Math.round((performance.timeOrigin + performance.now()) * 1000),
  monotonicMillis: () => performance.now(),
};

/** Seconds since `startedMillis` of the monotonic clock, to the millisecond. */
export function secondsSince(clock: Clock, startedMillis: number): number {
  return Math.round(clock.monotonicMillis() - startedMillis) / 1000;
}
