import { maskBody, maskSecrets } from '@tidemark/platform';

import type { OutgoingMessage, StoredMessage } from './broker-connection.js';
import { DEAD_LETTERS } from './topology.js';

/** A message that could not be handled, as a person sees it. */
export interface DeadLetter {
  /** The queue that it was on. */
  readonly queue: string;
  readonly reason: string;
  /** Secrets masked; only its beginning where it was not of its schema, or no JSON. */
  readonly body: string;
  readonly messageId: string | undefined;
  /** When it was given up; of one that the broker gave up by itself, undefined. */
  readonly atMicros: number | undefined;
}

const QUEUE_HEADER = 'x-tidemark-queue';
const REASON_HEADER = 'x-tidemark-reason';
const AT_HEADER = 'x-tidemark-at-micros';
/** Set by a broker that gives a message up by itself, RabbitMQ's names. */
export const BROKER_HEADERS = { queue: 'x-first-death-queue', reason: 'x-first-death-reason' } as const;

const MAX_REASON_CHARACTERS = 500;
const MAX_REFUSED_BYTES = 1024;

export interface Burial {
  readonly queue: string;
  readonly message: StoredMessage;
  readonly reason: string;
  /** True when no handler would take it: then only the beginning of the body is kept. */
  readonly refused: boolean;
  readonly atMicros: number;
}

/** What goes to the dead-letter exchange in place of a message; the caller acknowledges the message after that. */
export function toDeadLetter({ queue, message, reason, refused, atMicros }: Burial): OutgoingMessage {
  const { masked, isJson } = maskBody(message.body.toString('utf8'));
  const body = Buffer.from(masked);
  return {
    ...message,
    exchange: DEAD_LETTERS.exchange,
    body: refused || !isJson ? body.subarray(0, MAX_REFUSED_BYTES) : body,
    headers: {
      [QUEUE_HEADER]: queue,
      [REASON_HEADER]: maskSecrets(reason).slice(0, MAX_REASON_CHARACTERS),
      [AT_HEADER]: String(atMicros),
    },
    persistent: true,
    mandatory: true,
  };
}

export function readDeadLetter({ body, headers, messageId }: StoredMessage): DeadLetter {
  const at = headers[AT_HEADER];
  return {
    queue: headers[QUEUE_HEADER] ?? headers[BROKER_HEADERS.queue] ?? 'unknown',
    reason: headers[REASON_HEADER] ?? headers[BROKER_HEADERS.reason] ?? 'unknown',
    body: maskBody(body.toString('utf8')).masked,
    messageId,
    atMicros: at === undefined ? undefined : Number(at),
  };
}
