import { systemClock } from '@tidemark/platform';

/** Of a `Retry-After` in seconds or as a date; undefined where there is none that can be read. */
export function retryAfterMillis(header: string | undefined, clock = systemClock): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - clock.nowMicros() / 1000);
}
