import type { Channel, ConsumeMessage } from 'amqplib';

import type { Logger } from '@tidemark/platform';

import type { Consumer, ConsumeOptions, Delivery, Source } from '../broker-connection.js';
import { EVENTS_EXCHANGE } from '../topology.js';
import type { BrokerNames } from './names.js';
import { WatchedChannel } from './watched-channel.js';
import { toStoredMessage } from './wire-message.js';

/** Events that may wait for an observer that does not keep up; the oldest give way. */
const MAX_EVENTS = 10_000;

export interface RabbitMqConsumerOptions extends ConsumeOptions {
  readonly source: Source;
  readonly names: BrokerNames;
  readonly log: Logger;
  readonly createChannel: () => Promise<Channel>;
  /** Makes again what may have been deleted, before it is subscribed to. */
  readonly declareTopology: () => Promise<void>;
  /** Called once it is cancelled and has nothing in hand. */
  readonly onGone: () => void;
}

/** Subscribed on a channel of its own, and again on a new one after every loss: of the connection, or of the queue. */
export class RabbitMqConsumer implements Consumer {
  readonly started: Promise<void>;
  readonly #channel: WatchedChannel<Channel>;
  readonly #inHand = new Set<Delivery>();
  #subscribing: Promise<void> = Promise.resolve();
  #live: { readonly channel: Channel; readonly tag: string } | undefined;
  #isCancelled = false;
  #isFirst = true;

  constructor(private readonly options: RabbitMqConsumerOptions) {
    this.#channel = new WatchedChannel({
      log: options.log,
      create: options.createChannel,
      prepare: (channel) => (this.#subscribing = this.#subscribe(channel)),
    });
    this.started = this.#channel.opened().then(
      () => undefined,
      () => undefined,
    );
  }

  isConsuming(): boolean {
    return this.#live !== undefined && !this.#isCancelled;
  }

  async cancel(): Promise<void> {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    await this.#subscribing.catch(() => undefined); // messages come before it is known to have succeeded
    await this.#live?.channel.cancel(this.#live.tag).catch(() => undefined); // the channel has just ended
    if (this.#inHand.size === 0 || !this.#live) await this.#leave();
  }

  /** Cancels, and gives back what is in hand. */
  async drop(): Promise<void> {
    this.#isCancelled = true;
    await this.#leave();
  }

  async #leave(): Promise<void> {
    await this.#channel.close();
    this.options.onGone();
  }

  async #subscribe(channel: Channel): Promise<void> {
    if (this.#isCancelled) {
      void this.#leave();
      throw new Error('cancelled, with messages in hand that are lost now');
    }
    if (!this.#isFirst) await this.options.declareTopology();
    this.#isFirst = false;
    this.#inHand.clear();
    await channel.prefetch(this.options.prefetch);
    const queue = await this.#queue(channel);
    const onMessage = (message: ConsumeMessage | null): void => {
      if (message) this.#deliver(channel, message);
      // The broker has cancelled the consumer: its queue is gone.
      else channel.close().catch(() => undefined);
    };
    const ended = new AbortController();
    channel.once('close', () => {
      ended.abort();
      this.#live = undefined;
    });
    const { consumerTag: tag } = await channel.consume(queue, onMessage);
    if (!ended.signal.aborted) this.#live = { channel, tag };
  }

  async #queue(channel: Channel): Promise<string> {
    const { source, names } = this.options;
    if ('queue' in source) return names.atBroker(source.queue);
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, maxLength: MAX_EVENTS });
    await channel.bindQueue(queue, names.atBroker(EVENTS_EXCHANGE), source.events);
    return queue;
  }

  #deliver(channel: Channel, message: ConsumeMessage): void {
    const delivery: Delivery = {
      message: toStoredMessage(message, this.options.names),
      redelivered: message.fields.redelivered,
      ack: () => this.#settle(delivery, () => channel.ack(message)),
      requeue: () => this.#settle(delivery, () => channel.nack(message, false, true)),
    };
    this.#inHand.add(delivery);
    this.options.onDelivery(delivery);
  }

  #settle(delivery: Delivery, tell: () => void): void {
    if (!this.#inHand.delete(delivery)) return;
    try {
      tell();
    } catch (error) {
      this.options.log.debug({ err: error }, 'a message could not be settled: its channel has ended');
    }
    if (this.#isCancelled && this.#inHand.size === 0) void this.#leave();
  }
}
