import type { OutgoingMessage } from '../broker-connection.js';
import { BROKER_HEADERS } from '../letter-headers.js';
import { NotPublishedError } from '../not-published-error.js';
import { DEAD_LETTERS, EVENTS_EXCHANGE, QUEUES, ROUTES, type QueueName } from '../topology.js';
import { MessageQueue, type QueueRules } from './message-queue.js';
import { matchesTopic } from './topic-pattern.js';

interface Binding {
  readonly exchange: string;
  readonly matches: (key: string) => boolean;
  readonly queue: MessageQueue;
}

/** The exchanges and queues of the topology, and those that come and go beside them. */
export class Exchanges {
  readonly #named = new Map<string, MessageQueue>();
  readonly #bindings = new Set<Binding>();

  constructor(private readonly queueLimit: number) {
    for (const [name, routes] of Object.entries(QUEUES)) {
      const onGivenUp = (message: OutgoingMessage): void => this.#giveUp(name, message);
      const queue = this.#declare(name, { whenFull: 'REFUSE_NEW', onGivenUp });
      for (const route of routes) {
        const { exchange, key } = ROUTES[route];
        this.#bindings.add({ exchange, matches: (candidate) => candidate === key, queue });
      }
    }
    const dead = this.#declare(DEAD_LETTERS.queue, { whenFull: 'DROP_OLDEST' });
    this.#bindings.add({ exchange: DEAD_LETTERS.exchange, matches: () => true, queue: dead });
  }

  /** Throws `NotPublishedError` where no queue takes the message. */
  publish(message: OutgoingMessage): void {
    const target = `${message.exchange}/${message.key}`;
    const queues = this.#queuesFor(message);
    if (queues.length === 0 && message.mandatory) throw new NotPublishedError('UNROUTABLE', target);
    const refused = queues.filter((queue) => !queue.add(message));
    if (refused.length > 0) throw new NotPublishedError('REFUSED', target);
  }

  queue(name: QueueName | typeof DEAD_LETTERS.queue): MessageQueue {
    const queue = this.#named.get(name);
    if (!queue) throw new Error(`the topology has no queue ${name}`);
    return queue;
  }

  /** A queue of somebody's own for the events that match; `remove` forgets it with all that is in it. */
  addEventQueue(pattern: string): { queue: MessageQueue; remove: () => void } {
    const queue = new MessageQueue({ limit: this.queueLimit, whenFull: 'DROP_OLDEST' });
    const binding = { exchange: EVENTS_EXCHANGE, matches: (key: string) => matchesTopic(pattern, key), queue };
    this.#bindings.add(binding);
    return { queue, remove: () => this.#bindings.delete(binding) };
  }

  /** A queue that only the default exchange leads to, by its name. */
  addReplyQueue(name: string): { queue: MessageQueue; remove: () => void } {
    const queue = this.#declare(name, { whenFull: 'DROP_OLDEST' });
    return { queue, remove: () => this.#named.delete(name) };
  }

  #declare(name: string, rules: Omit<QueueRules, 'limit'>): MessageQueue {
    const queue = new MessageQueue({ limit: this.queueLimit, ...rules });
    this.#named.set(name, queue);
    return queue;
  }

  #queuesFor({ exchange, key }: OutgoingMessage): MessageQueue[] {
    if (exchange === '') return [this.#named.get(key)].filter((queue) => queue !== undefined);
    return [...this.#bindings]
      .filter((binding) => binding.exchange === exchange && binding.matches(key))
      .map((binding) => binding.queue);
  }

  #giveUp(queue: string, message: OutgoingMessage): void {
    const headers = { [BROKER_HEADERS.queue]: queue, [BROKER_HEADERS.reason]: 'delivery_limit' };
    this.publish({ ...message, exchange: DEAD_LETTERS.exchange, headers });
  }
}
