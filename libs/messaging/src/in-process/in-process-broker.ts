import { sleep } from '@tidemark/platform';

import type {
  BrokerConnection,
  Consumer,
  ConsumeOptions,
  LetterTaking,
  OutgoingMessage,
  QueueState,
  Source,
  StoredMessage,
} from '../broker-connection.js';
import { NotPublishedError } from '../not-published-error.js';
import { DEAD_LETTERS, STATED_QUEUES, type QueueName } from '../topology.js';
import { Exchanges } from './exchanges.js';
import { InProcessConsumer } from './in-process-consumer.js';

export interface InProcessBrokerOptions {
  /** Messages that may wait in one queue; 10,000 where nothing is said. */
  readonly queueLimit?: number;
}

/**
 * A broker within the process, with the topology and the rules of the real one; it forgets everything at the end.
 * A full work queue drops its oldest transient message to make room; where it has none, it refuses a persistent one.
 */
export class InProcessBroker {
  readonly #exchanges: Exchanges;

  constructor({ queueLimit = 10_000 }: InProcessBrokerOptions = {}) {
    this.#exchanges = new Exchanges(queueLimit);
  }

  connect(): BrokerConnection {
    return new InProcessConnection(this.#exchanges);
  }

  /** Resolves when everything in a queue has been handled, or the time is over: what is left at the end is forgotten. */
  async drained(queue: QueueName, withinMillis: number): Promise<void> {
    const isDrained = new AbortController();
    const drained = this.#exchanges.queue(queue).drained();
    await Promise.race([drained, sleep(withinMillis, isDrained.signal).catch(() => undefined)]);
    isDrained.abort();
  }

  /** A queue for answers, as a caller of the real broker would declare it. */
  openReplyQueue(name: string, onDelivery: ConsumeOptions['onDelivery']): { close(): Promise<void> } {
    const { queue, remove } = this.#exchanges.addReplyQueue(name);
    const consumer = new InProcessConsumer(queue, { prefetch: 1, onDelivery }, remove);
    return { close: () => consumer.drop() };
  }
}

class InProcessConnection implements BrokerConnection {
  readonly #consumers = new Set<InProcessConsumer>();
  #closed = false;

  constructor(private readonly exchanges: Exchanges) {}

  async publish(message: OutgoingMessage, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closed) throw new NotPublishedError('CLOSED', message.key);
    this.exchanges.publish(message);
    return Promise.resolve();
  }

  consume(source: Source, options: ConsumeOptions): Consumer {
    const { queue, remove } =
      'queue' in source
        ? { queue: this.exchanges.queue(source.queue), remove: () => undefined }
        : this.exchanges.addEventQueue(source.events);
    const consumer = new InProcessConsumer(queue, options, () => {
      remove();
      this.#consumers.delete(consumer);
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  browseDeadLetters(see: (letter: StoredMessage) => void): Promise<void> {
    for (const letter of this.exchanges.queue(DEAD_LETTERS.queue).waiting()) see(letter);
    return Promise.resolve();
  }

  async takeDeadLetter({ isIt, use }: LetterTaking): Promise<boolean> {
    const queue = this.exchanges.queue(DEAD_LETTERS.queue);
    const letter = queue.withdraw(isIt);
    if (!letter) return false;
    try {
      await use(letter.message);
    } catch (error) {
      queue.restore(letter);
      throw error;
    }
    queue.letGo();
    return true;
  }

  queueStates(): Promise<QueueState[]> {
    return Promise.resolve(STATED_QUEUES.map((queue) => ({ queue, ...this.exchanges.queue(queue).state() })));
  }

  problems(): readonly string[] {
    return this.#closed ? ['the connection is closed'] : [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#consumers].map((consumer) => consumer.drop()));
  }
}
