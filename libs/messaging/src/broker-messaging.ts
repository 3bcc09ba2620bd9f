import { NotFoundError } from '@tidemark/contracts';
import type { Clock, Logger } from '@tidemark/platform';

import type {
  BrokerConnection,
  Delivery,
  OutgoingMessage,
  QueueState,
  Source,
  StoredMessage,
} from './broker-connection.js';
import { decode, encode } from './codec.js';
import { readDeadLetter, toDeadLetter, type Burial, type DeadLetter } from './dead-letter.js';
import { LetterIds } from './letter-ids.js';
import type {
  Handler,
  MessageMeta,
  MessageOf,
  MessageOn,
  Messaging,
  PublishOptions,
  ReplyOptions,
  SubscribeOptions,
  Subscription,
} from './messaging.js';
import { NotPublishedError } from './not-published-error.js';
import { QueueSubscription } from './queue-subscription.js';
import { OldestLetters } from './oldest-letters.js';
import { NotReplayableError, toReplay } from './replay.js';
import { isReplyAddress, QUEUES, ROUTES, type BodyOf, type QueueName, type RouteName } from './topology.js';

export interface MessagingOptions {
  readonly log: Logger;
  readonly clock: Clock;
  /** How long closing waits for running handlers; 10 s where nothing is said. */
  readonly drainMillis?: number;
}

const DRAIN_MILLIS = 10_000;

/** Messaging over a connection, which it then owns. */
export function createMessaging(connection: BrokerConnection, options: MessagingOptions): Messaging {
  return new BrokerMessaging(connection, options);
}

class BrokerMessaging implements Messaging {
  readonly #subscriptions = new Map<QueueSubscription, string>();
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly connection: BrokerConnection,
    private readonly options: MessagingOptions,
  ) {}

  async publish<R extends RouteName>(name: R, body: BodyOf<R>, options: PublishOptions = {}): Promise<void> {
    const { exchange, persistent, mandatory } = ROUTES[name];
    const { key, bytes } = encode(name, body);
    await this.#send({ exchange, key, body: bytes, persistent, mandatory }, options);
  }

  async reply(address: string, body: unknown, options: ReplyOptions = {}): Promise<void> {
    if (!isReplyAddress(address)) throw new NotPublishedError('INVALID', address);
    const answer = { body: Buffer.from(JSON.stringify(body)), persistent: false, mandatory: true };
    await this.#send({ exchange: '', key: address, ...answer }, options);
  }

  subscribe<Q extends QueueName>(
    queue: Q,
    handler: Handler<MessageOn<Q>>,
    options: SubscribeOptions = {},
  ): Subscription {
    const routes: readonly RouteName[] = QUEUES[queue];
    return this.#consume({ queue }, options, { name: queue, routes, handler: handler as Handler<unknown> });
  }

  observe(pattern: string, handler: Handler<MessageOf<'jobEvent'>>, options: SubscribeOptions = {}): Subscription {
    const intake = { name: `events ${pattern}`, routes: ['jobEvent'], handler: handler as Handler<unknown> } as const;
    return this.#consume({ events: pattern }, options, intake);
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    const oldest = new OldestLetters(limit);
    await this.connection.browseDeadLetters((letter) => oldest.add(letter));
    return oldest.list();
  }

  async replay(id: string): Promise<DeadLetter> {
    const ids = new LetterIds();
    let replayed: DeadLetter | undefined;
    const use = async (message: StoredMessage): Promise<void> => {
      const letter = readDeadLetter(id, message);
      const { route, obstacle = 'no route leads to its queue' } = letter;
      if (route === undefined || letter.obstacle !== undefined) throw new NotReplayableError(id, obstacle);
      await this.connection.publish(toReplay(message, route));
      replayed = letter;
    };
    await this.connection.takeDeadLetter({ isIt: (message) => ids.next(message) === id, use });
    if (!replayed) throw new NotFoundError(`dead letter ${id.slice(0, 100)}`);
    return replayed;
  }

  queueStates(): Promise<QueueState[]> {
    return this.connection.queueStates();
  }

  problems(): readonly string[] {
    if (this.#closed) return ['messaging is closed'];
    const missing = [...this.#subscriptions].filter(([subscription]) => subscription.isMissing());
    return [...this.connection.problems(), ...missing.map(([, name]) => `not subscribed to ${name}`)];
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#subscriptions.keys()].map((subscription) => subscription.close()));
    this.#closed = true;
    await this.connection.close();
  }

  async #send(
    message: Pick<OutgoingMessage, 'exchange' | 'key' | 'body' | 'persistent' | 'mandatory'>,
    { messageId, correlationId, replyTo, signal }: PublishOptions,
  ): Promise<void> {
    if (this.#closed) throw new NotPublishedError('CLOSED', message.key);
    signal?.throwIfAborted();
    const properties = { contentType: 'application/json', messageId, correlationId, replyTo, headers: {} };
    await this.connection.publish({ ...message, ...properties }, signal);
  }

  #consume(source: Source, options: SubscribeOptions, intake: Intake): Subscription {
    if (this.#closed) throw new Error('messaging is closed');
    const { log, drainMillis = DRAIN_MILLIS } = this.options;
    const work = (delivery: Delivery, meta: MessageMeta): Promise<void> => this.#handle(intake, delivery, meta);
    const subscription: QueueSubscription = new QueueSubscription({
      ...options,
      connection: this.connection,
      source,
      work,
      drainMillis,
      onClosed: () => this.#subscriptions.delete(subscription),
      log: log.child({ queue: intake.name }),
    });
    this.#subscriptions.set(subscription, intake.name);
    return subscription;
  }

  async #handle({ name, routes, handler }: Intake, { message }: Delivery, meta: MessageMeta): Promise<void> {
    const decoded = decode(routes, message);
    if ('refused' in decoded) return this.#bury({ queue: name, message, reason: decoded.refused, refused: true });
    try {
      await handler(decoded.message, meta);
    } catch (error) {
      meta.signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      await this.#bury({ queue: name, message, reason, refused: false }, error);
    }
  }

  async #bury(burial: Omit<Burial, 'atMicros'>, error?: unknown): Promise<void> {
    const { queue, message, reason } = burial;
    this.options.log.error({ err: error, queue, messageId: message.messageId, reason }, 'a message is a dead letter');
    await this.connection.publish(toDeadLetter({ ...burial, atMicros: this.options.clock.nowMicros() }));
  }
}

/** Where messages come in and who handles them. */
interface Intake {
  readonly name: string;
  readonly routes: readonly RouteName[];
  readonly handler: Handler<unknown>;
}
