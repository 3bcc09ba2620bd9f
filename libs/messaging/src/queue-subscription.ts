import { sleep, type Logger } from '@tidemark/platform';

import type { BrokerConnection, Consumer, Delivery, Source } from './broker-connection.js';
import type { MessageMeta, Subscription, SubscribeOptions } from './messaging.js';

/** What becomes of a delivery: the promise resolves for an ack, rejects for a dead letter. */
type Work = (delivery: Delivery, meta: MessageMeta) => Promise<void>;

export interface QueueSubscriptionOptions extends SubscribeOptions {
  readonly connection: BrokerConnection;
  readonly source: Source;
  readonly work: Work;
  /** How long `close` waits for running handlers. */
  readonly drainMillis: number;
  readonly onClosed: () => void;
  readonly log: Logger;
}

/** Runs work for the deliveries of one source, some at a time, and settles each delivery exactly once. */
export class QueueSubscription implements Subscription {
  readonly started: Promise<void>;
  readonly #concurrency: number;
  readonly #waiting: Delivery[] = [];
  readonly #unsettled = new Set<Delivery>();
  readonly #running = new Set<Promise<void>>();
  readonly #givenUp = new AbortController();
  #wanted: 'CONSUMING' | 'PAUSED' | 'CLOSED' = 'CONSUMING';
  #consumer: Consumer | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(private readonly options: QueueSubscriptionOptions) {
    this.#concurrency = options.concurrency ?? 1;
    this.#consumer = this.#consume();
    this.started = this.#consumer.started;
  }

  /** Neither consuming nor meant to be at rest. */
  isMissing(): boolean {
    return this.#wanted === 'CONSUMING' && this.#consumer?.isConsuming() !== true;
  }

  pause(): Promise<void> {
    return this.#change('PAUSED');
  }

  resume(): Promise<void> {
    return this.#change('CONSUMING');
  }

  async close(): Promise<void> {
    await this.#change('CLOSED');
    const ended = new AbortController();
    const drained = Promise.all(this.#running).then(() => ended.abort());
    await Promise.race([drained, sleep(this.options.drainMillis, ended.signal).catch(() => undefined)]);
    this.#givenUp.abort(new Error('the subscription is closed'));
    for (const delivery of this.#unsettled) this.#settle(delivery, 'requeue');
    this.options.onClosed();
  }

  /** One change at a time: a consumer is gone before the next one is asked for. */
  #change(wanted: 'CONSUMING' | 'PAUSED' | 'CLOSED'): Promise<void> {
    if (this.#wanted !== 'CLOSED') this.#wanted = wanted;
    if (this.#wanted !== 'CONSUMING') this.#handBackWaiting();
    this.#changing = this.#changing.then(() => this.#apply());
    return this.#changing;
  }

  async #apply(): Promise<void> {
    if (this.#wanted === 'CONSUMING') {
      this.#consumer ??= this.#consume();
    } else {
      await this.#consumer?.cancel();
      this.#consumer = undefined;
    }
  }

  #consume(): Consumer {
    return this.options.connection.consume(this.options.source, {
      prefetch: this.options.prefetch ?? this.#concurrency,
      onDelivery: (delivery) => this.#take(delivery),
    });
  }

  #take(delivery: Delivery): void {
    if (this.#wanted !== 'CONSUMING') {
      delivery.requeue();
      return;
    }
    this.#unsettled.add(delivery);
    this.#waiting.push(delivery);
    this.#startNext();
  }

  #startNext(): void {
    if (this.#running.size >= this.#concurrency) return;
    const delivery = this.#waiting.shift();
    if (!delivery) return;
    const run = this.#run(delivery).finally(() => {
      this.#running.delete(run);
      this.#startNext();
    });
    this.#running.add(run);
  }

  async #run(delivery: Delivery): Promise<void> {
    const { messageId, correlationId, replyTo } = delivery.message;
    const { signal } = this.#givenUp;
    const acknowledged = Promise.withResolvers<undefined>();
    try {
      await this.options.work(delivery, {
        messageId,
        correlationId,
        replyTo,
        redelivered: delivery.redelivered,
        signal,
        acknowledged: acknowledged.promise,
      });
      if (this.#settle(delivery, 'ack')) acknowledged.resolve(undefined);
    } catch (error) {
      this.options.log.warn({ err: error, messageId }, 'a message goes back to its queue');
      this.#settle(delivery, 'requeue');
    }
  }

  #handBackWaiting(): void {
    for (const delivery of this.#waiting.splice(0).reverse()) this.#settle(delivery, 'requeue');
  }

  #settle(delivery: Delivery, how: 'ack' | 'requeue'): boolean {
    const isUnsettled = this.#unsettled.delete(delivery);
    if (isUnsettled) delivery[how]();
    return isUnsettled;
  }
}
