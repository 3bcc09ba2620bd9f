import { TidemarkError } from '@tidemark/contracts';

const REASONS = {
  NOT_CONNECTED: 'the broker cannot be reached',
  NOT_CONFIRMED: 'the broker did not confirm the message in time; it may have it all the same',
  REFUSED: 'the broker has no room for the message',
  BLOCKED: 'the broker takes no messages for want of memory or disk',
  OVERLOADED: 'too many messages are waiting for the broker already',
  UNROUTABLE: 'no queue takes the message',
  INVALID: 'the message is not of its form',
  CLOSED: 'messaging is closed',
} as const;
export type NotPublishedReason = keyof typeof REASONS;

/** The broker has not taken responsibility for a message. */
export class NotPublishedError extends TidemarkError {
  readonly code = 'BROKER_UNAVAILABLE';

  constructor(
    readonly reason: NotPublishedReason,
    readonly target: string,
    cause?: unknown,
  ) {
    super(`not published to ${target}: ${REASONS[reason]}`, { cause, details: { reason } });
  }
}
