import type { ConfirmChannel, Options } from 'amqplib';

import { abortReason } from '@tidemark/platform';

import type { OutgoingMessage } from '../broker-connection.js';
import { NotPublishedError } from '../not-published-error.js';
import type { BrokerNames } from './names.js';
import type { WatchedChannel } from './watched-channel.js';
import { PUBLISH_HEADER } from './wire-message.js';

/** What may wait for the broker at the same time; more is refused rather than held. */
const MAX_HELD = 1000;
const MAX_HELD_BYTES = 16 * 1024 * 1024;

export interface PublisherOptions {
  readonly channel: WatchedChannel<ConfirmChannel>;
  readonly names: BrokerNames;
  /** How long a message may wait for a connection and the broker's confirm. */
  readonly boundMillis: number;
}

/** Publishes with confirms: what resolves is safe at the broker, in every queue that it is for. */
export class ConfirmedPublisher {
  /** Ids of messages that the broker has sent back; their confirms follow. */
  readonly #returned = new Set<string>();
  #nextId = 0;
  #held = 0;
  #heldBytes = 0;

  constructor(private readonly options: PublisherOptions) {}

  /** To be called for every new channel, before it is used. */
  watch(channel: ConfirmChannel): void {
    this.#returned.clear();
    channel.on('return', ({ properties }) => this.#returned.add(String(properties.headers?.[PUBLISH_HEADER])));
  }

  async publish(message: OutgoingMessage, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { key } = message;
    const letGo = this.#hold(message);
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    let isSent = false;
    const wasSent = (): boolean => isSent;
    const over = new AbortController();
    const tooLate = setTimeout(
      () => reject(new NotPublishedError(isSent ? 'NOT_CONFIRMED' : 'NOT_CONNECTED', key)),
      this.options.boundMillis,
    );
    const onAbort = (): void => {
      if (signal) reject(abortReason(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const send = (channel: ConfirmChannel): void => {
      if (over.signal.aborted) return;
      isSent = true;
      this.#send(channel, message, (error) => {
        letGo();
        if (error) reject(error);
        else resolve(undefined);
      });
    };
    this.options.channel.opened(over.signal).then(send, () => reject(new NotPublishedError('CLOSED', key)));
    try {
      await promise;
    } finally {
      over.abort();
      if (!wasSent()) letGo();
      clearTimeout(tooLate);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * A message counts until the broker has answered or the channel has ended, whether or not its caller still waits; one
   * that was never sent, until its caller gives up.
   */
  #hold({ key, body }: OutgoingMessage): () => void {
    if (this.#held >= MAX_HELD || this.#heldBytes + body.length > MAX_HELD_BYTES) {
      throw new NotPublishedError('OVERLOADED', key);
    }
    this.#held++;
    this.#heldBytes += body.length;
    return () => {
      this.#held--;
      this.#heldBytes -= body.length;
    };
  }

  #send(channel: ConfirmChannel, message: OutgoingMessage, done: (error?: Error) => void): void {
    const { exchange, key, body } = message;
    const target = `${exchange}/${key}`;
    const id = String(this.#nextId++);
    const onConfirm = (error: Error | null): void => {
      if (this.#returned.delete(id)) done(new NotPublishedError('UNROUTABLE', target));
      else if (error)
        done(new NotPublishedError(error.message === 'message nacked' ? 'REFUSED' : 'NOT_CONFIRMED', target, error));
      else done();
    };
    try {
      channel.publish(this.options.names.atBroker(exchange), key, body, propertiesOf(message, id), onConfirm);
    } catch (error) {
      done(new NotPublishedError('NOT_CONNECTED', target, error)); // the channel ended a moment ago
    }
  }
}

function propertiesOf(message: OutgoingMessage, id: string): Options.Publish {
  const { contentType, messageId, correlationId, replyTo, headers, persistent, mandatory } = message;
  const named = Object.entries({ contentType, messageId, correlationId, replyTo }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...Object.fromEntries(named), persistent, mandatory, headers: { ...headers, [PUBLISH_HEADER]: id } };
}
