import type { OutgoingMessage } from '../broker-connection.js';
import { DELIVERY_LIMIT } from '../topology.js';

export interface QueuedMessage {
  readonly message: OutgoingMessage;
  /** Place in the queue, kept when the message comes back. */
  readonly place: number;
  /** Times that it came back unacknowledged. */
  readonly returned: number;
}

export interface QueueRules {
  /** Messages that may wait. */
  readonly limit: number;
  /** What gives way when every place is taken and no transient message is among them. */
  readonly whenFull: 'REFUSE_NEW' | 'DROP_OLDEST';
  /** Called with a message that came back too often; without it, such a message is dropped. */
  readonly onGivenUp?: (message: OutgoingMessage) => void;
}

export interface QueueConsumer {
  /** False while it has as many deliveries in hand as it may. */
  canTake(): boolean;
  take(queued: QueuedMessage): void;
}

/** Messages in order, handed to the consumers in turn; never while somebody publishes, always a little later. */
export class MessageQueue {
  readonly #ready: QueuedMessage[] = [];
  #consumers: readonly QueueConsumer[] = [];
  #nextPlace = 0;
  #inHand = 0;
  #handingOut = false;
  readonly #onDrained: (() => void)[] = [];

  constructor(private readonly rules: QueueRules) {}

  /** False when the message was refused. The oldest transient message gives way first, even a transient new one itself. */
  add(message: OutgoingMessage): boolean {
    if (this.#ready.length >= this.rules.limit && !this.#makeRoom()) return !message.persistent;
    this.#ready.push({ message, place: this.#nextPlace++, returned: 0 });
    this.#handOutSoon();
    return true;
  }

  /** Takes a message back that was not acknowledged. */
  putBack({ message, place, returned }: QueuedMessage): void {
    if (returned >= DELIVERY_LIMIT) this.rules.onGivenUp?.(message);
    else this.#insert({ message, place, returned: returned + 1 });
    this.letGo();
  }

  /** Takes the first message out that is it, to be let go or restored. */
  withdraw(isIt: (message: OutgoingMessage) => boolean): QueuedMessage | undefined {
    const index = this.#ready.findIndex(({ message }) => isIt(message));
    if (index < 0) return undefined;
    this.#inHand++;
    return this.#ready.splice(index, 1)[0];
  }

  /** As if it had never been withdrawn. */
  restore(queued: QueuedMessage): void {
    this.#insert(queued);
    this.letGo();
  }

  /** A message that was handed out is nobody's any more. */
  letGo(): void {
    this.#inHand--;
    this.#handOutSoon();
    if (this.#ready.length + this.#inHand > 0) return;
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  /** Resolves when no message waits and none is in a consumer's hand. */
  async drained(): Promise<void> {
    if (this.#ready.length + this.#inHand > 0) await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  addConsumer(consumer: QueueConsumer): void {
    this.#consumers = [...this.#consumers, consumer];
    this.#handOutSoon();
  }

  removeConsumer(consumer: QueueConsumer): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer);
  }

  /** What waits, the oldest first. */
  waiting(): OutgoingMessage[] {
    return this.#ready.map(({ message }) => message);
  }

  state(): { waiting: number; consumers: number } {
    return { waiting: this.#ready.length, consumers: this.#consumers.length };
  }

  #insert(queued: QueuedMessage): void {
    const index = this.#ready.findIndex(({ place }) => place > queued.place);
    this.#ready.splice(index < 0 ? this.#ready.length : index, 0, queued);
  }

  #handOutSoon(): void {
    if (this.#handingOut) return;
    this.#handingOut = true;
    setImmediate(() => {
      this.#handingOut = false;
      this.#handOut();
    });
  }

  #makeRoom(): boolean {
    const transient = this.#ready.findIndex(({ message }) => !message.persistent);
    if (transient < 0 && this.rules.whenFull === 'REFUSE_NEW') return false;
    this.#ready.splice(Math.max(transient, 0), 1);
    return true;
  }

  #handOut(): void {
    for (;;) {
      const consumer = this.#consumers.find((candidate) => candidate.canTake());
      const queued = consumer && this.#ready.shift();
      if (!queued) return;
      this.#consumers = [...this.#consumers.filter((other) => other !== consumer), consumer];
      this.#inHand++;
      consumer.take(queued);
    }
  }
}
