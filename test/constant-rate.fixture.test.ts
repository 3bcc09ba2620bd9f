/** Calls at a constant rate, whether or not the ones before were answered: what a crowd of independent callers does. */

export interface Call<T> {
  /** On the clock of `performance.now()`, ms: when it was due, so that waiting for its turn counts too. */
  readonly began: number;
  readonly ended: number;
  readonly answer: T;
}

export interface ConstantRate<T> {
  /** Answered so far, in the order of their answers. */
  readonly calls: readonly Call<T>[];
  /** Resolves when so many more calls have begun and been answered. */
  more(count: number): Promise<void>;
  /** Ends the calling; resolves when all have been answered, rejects with the first failure. */
  stop(): Promise<void>;
}

const TICK_MILLIS = 5;
/** Connections of the crowd: a call that finds none free waits, and that counts as its time. */
const MAX_UNDER_WAY = 64;

export interface Crowd {
  readonly perSecond: number;
  /** Where it is given: connections, and who finds none free does not call. On a slow machine no queue builds up. */
  readonly atOnce?: number;
}

export function callAtRate<T>({ perSecond, atOnce }: Crowd, call: (number: number) => Promise<T>): ConstantRate<T> {
  const calls: Call<T>[] = [];
  const underWay = new Set<Promise<void>>();
  const waiting: { from: number; count: number; resolve: () => void; reject: (error: unknown) => void }[] = [];
  const failures: unknown[] = [];
  const start = performance.now();
  const due: number[] = [];
  let made = 0;
  let begun = 0;

  const beginNext = (): void => {
    if (underWay.size >= MAX_UNDER_WAY) return;
    const began = due.shift();
    if (began === undefined) return;
    const run = call(begun++)
      .then((answer) => void calls.push({ began, ended: performance.now(), answer }))
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        underWay.delete(run);
        tell();
        beginNext();
      });
    underWay.add(run);
  };
  const tell = (): void => {
    for (const { from, count, resolve, reject } of waiting) {
      if (failures.length > 0) reject(failures[0]);
      else if (calls.filter(({ began }) => began >= from).length >= count) resolve();
    }
  };
  const timer = setInterval(() => {
    for (let at = start + (made * 1000) / perSecond; at <= performance.now(); at += 1000 / perSecond) {
      made++;
      if (atOnce !== undefined && underWay.size >= atOnce) continue;
      due.push(at);
      beginNext();
    }
  }, TICK_MILLIS);

  return {
    calls,
    more: (count) =>
      new Promise((resolve, reject) => {
        waiting.push({ from: performance.now(), count, resolve, reject });
      }),
    stop: async () => {
      clearInterval(timer);
      while (underWay.size > 0) await Promise.all(underWay);
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** Rate and latencies of calls, for a line of figures. */
export function figuresOf(calls: readonly Call<unknown>[]): string {
  const millis = calls.map(({ began, ended }) => ended - began).sort((a, b) => a - b);
  const at = (share: number): string => (millis[Math.ceil(share * millis.length) - 1] ?? NaN).toFixed(1);
  const began = calls.map((call) => call.began);
  const seconds = (Math.max(...began) - Math.min(...began)) / 1000;
  return `${calls.length} calls, ${(calls.length / seconds).toFixed(0)}/s, p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms`;
}
