import { randomUUID } from 'node:crypto';

import { maskBody, maskSecrets } from '@tidemark/platform';

import type { OutgoingMessage, StoredMessage } from './broker-connection.js';
import {
  AT_HEADER,
  BROKER_HEADERS,
  diedAt,
  ID_HEADER,
  KEPT_HEADER,
  QUEUE_HEADER,
  queueOf,
  REASON_HEADER,
  type Kept,
} from './letter-headers.js';
import { wayBack } from './replay.js';
import { DEAD_LETTERS, type RouteName } from './topology.js';

/** A message that could not be handled, as a person sees it. */
export interface DeadLetter {
  /** Stays the same for as long as the letter lies there. */
  readonly id: string;
  /** The queue that it was on. */
  readonly queue: string;
  /** The way that a replay takes; undefined where there is none. */
  readonly route: RouteName | undefined;
  readonly reason: string;
  /** Secrets masked; only its beginning where it was not of its schema, or no JSON. */
  readonly body: string;
  readonly messageId: string | undefined;
  /** When it was given up; a broker says it to the second, and nobody of what came there otherwise. */
  readonly atMicros: number | undefined;
  /** Why it cannot be replayed; undefined where it can. */
  readonly obstacle: string | undefined;
}

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
  const { kept, body } = keep(message.body, refused);
  return {
    ...message,
    exchange: DEAD_LETTERS.exchange,
    body,
    headers: {
      [ID_HEADER]: randomUUID(),
      [QUEUE_HEADER]: queue,
      [REASON_HEADER]: maskSecrets(reason).slice(0, MAX_REASON_CHARACTERS),
      [AT_HEADER]: String(atMicros),
      [KEPT_HEADER]: kept,
    },
    persistent: true,
    mandatory: true,
  };
}

function keep(original: Buffer, refused: boolean): { kept: Kept; body: Buffer } {
  const text = original.toString('utf8');
  const { masked, isJson } = maskBody(text);
  const whole = Buffer.from(masked);
  const body = refused || !isJson ? whole.subarray(0, MAX_REFUSED_BYTES) : whole;
  if (body.equals(original)) return { kept: 'WHOLE', body };
  if (masked !== text) return { kept: 'MASKED', body };
  return { kept: body.length < whole.length ? 'CUT' : 'NOT_UTF8', body };
}

/** As it lies in the queue of dead letters, under an id that {@link LetterIds} gave it. */
export function readDeadLetter(id: string, message: StoredMessage): DeadLetter {
  const { body, headers, messageId } = message;
  const way = wayBack(message);
  return {
    id,
    queue: queueOf(message),
    route: way.route,
    reason: headers[REASON_HEADER] ?? headers[BROKER_HEADERS.reason] ?? 'unknown',
    body: maskBody(body.toString('utf8')).masked,
    messageId,
    atMicros: diedAt(message),
    obstacle: way.obstacle,
  };
}
