import type { Consumer, ConsumeOptions } from '../broker-connection.js';
import type { MessageQueue, QueueConsumer, QueuedMessage } from './message-queue.js';

/** Takes messages from one queue and remembers which of them are not settled yet. */
export class InProcessConsumer implements Consumer, QueueConsumer {
  readonly started = Promise.resolve();
  readonly #inHand = new Set<QueuedMessage>();
  #consuming = true;

  constructor(
    private readonly queue: MessageQueue,
    private readonly options: ConsumeOptions,
    /** Called once it is cancelled and has nothing in hand. */
    private readonly onGone: () => void,
  ) {
    queue.addConsumer(this);
  }

  isConsuming(): boolean {
    return this.#consuming;
  }

  cancel(): Promise<void> {
    this.#consuming = false;
    this.queue.removeConsumer(this);
    if (this.#inHand.size === 0) this.onGone();
    return Promise.resolve();
  }

  /** Cancels, and gives back what is in hand, as a connection does when it ends. */
  async drop(): Promise<void> {
    await this.cancel();
    for (const queued of this.#inHand) this.#settle(queued, 'requeue');
  }

  canTake(): boolean {
    return this.#consuming && this.#inHand.size < this.options.prefetch;
  }

  take(queued: QueuedMessage): void {
    this.#inHand.add(queued);
    this.options.onDelivery({
      message: queued.message,
      redelivered: queued.returned > 0,
      ack: () => this.#settle(queued, 'ack'),
      requeue: () => this.#settle(queued, 'requeue'),
    });
  }

  #settle(queued: QueuedMessage, how: 'ack' | 'requeue'): void {
    if (!this.#inHand.delete(queued)) return;
    if (how === 'requeue') this.queue.putBack(queued);
    else this.queue.letGo();
    if (!this.#consuming && this.#inHand.size === 0) this.onGone();
  }
}
