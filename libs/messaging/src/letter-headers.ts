import type { StoredMessage } from './broker-connection.js';

/** What a dead letter says of itself, in headers. */
export const ID_HEADER = 'x-tidemark-id';
export const QUEUE_HEADER = 'x-tidemark-queue';
export const REASON_HEADER = 'x-tidemark-reason';
export const AT_HEADER = 'x-tidemark-at-micros';
/** A {@link Kept}. */
export const KEPT_HEADER = 'x-tidemark-kept';
/** Set by a broker that gives a message up by itself, RabbitMQ's names; when, it says in another form. */
export const BROKER_HEADERS = {
  queue: 'x-first-death-queue',
  reason: 'x-first-death-reason',
  at: 'x-first-death-at-micros',
} as const;

/** What of the body was kept. */
export type Kept = 'WHOLE' | 'MASKED' | 'CUT' | 'NOT_UTF8';

/** The queue that it died on, as far as it says so. */
export function queueOf({ headers }: StoredMessage): string {
  return headers[QUEUE_HEADER] ?? headers[BROKER_HEADERS.queue] ?? 'unknown';
}

/** The id that a letter was given as it died; undefined where it has none that fits into a path. */
export function ownId({ headers }: StoredMessage): string | undefined {
  const id = headers[ID_HEADER];
  return id !== undefined && /^[\w-]{1,64}$/.test(id) ? id : undefined;
}

/** In microseconds; undefined where nobody says. */
export function diedAt({ headers }: StoredMessage): number | undefined {
  const at = Number(headers[AT_HEADER] ?? headers[BROKER_HEADERS.at]);
  return Number.isSafeInteger(at) ? at : undefined;
}
