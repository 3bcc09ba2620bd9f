import type { QueueState } from './broker-connection.js';
import type { DeadLetter } from './dead-letter.js';
import type { BodyOf, QUEUES, QueueName, RouteName } from './topology.js';

/**
 * Messages over the routes and queues of the topology: at least once, in the order of publishing within a queue
 * (a message that comes back may be late). Over RabbitMQ or within the process, by the same rules.
 */
export interface Messaging {
  /**
   * Resolves when the broker has taken responsibility for the message; rejects with `NotPublishedError` when it has
   * not within the bound, or with the signal's reason.
   */
  publish<R extends RouteName>(route: R, body: BodyOf<R>, options?: PublishOptions): Promise<void>;
  /** Answers to the `replyTo` of a message; as `publish`, and refuses an address that is not one for answers. */
  reply(address: string, body: unknown, options?: ReplyOptions): Promise<void>;
  /** Takes work off a queue, in turn with every other subscriber of it. Goes on through losses of the broker. */
  subscribe<Q extends QueueName>(queue: Q, handler: Handler<MessageOn<Q>>, options?: SubscribeOptions): Subscription;
  /** Gets its own copy of every event whose key matches a topic pattern such as `job.*.failed`, from `started` on. */
  observe(pattern: string, handler: Handler<MessageOf<'jobEvent'>>, options?: SubscribeOptions): Subscription;
  /** The oldest dead letters, and fewer where they are large; they stay where they are. */
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /**
   * Publishes a dead letter as the message that it was, and then removes it; a crash between the two doubles it.
   * Throws NotFoundError, NotReplayableError, and what `publish` throws: the letter stays then.
   */
  replay(id: string): Promise<DeadLetter>;
  /** Every queue, and that of the dead letters. */
  queueStates(): Promise<QueueState[]>;
  /** Why messages cannot flow just now; empty when they can. */
  problems(): readonly string[];
  /** Closes every subscription (see there), then the connection. */
  close(): Promise<void>;
}

export interface PublishOptions {
  readonly messageId?: string;
  readonly correlationId?: string;
  /** Where an answer is waited for. */
  readonly replyTo?: string;
  readonly signal?: AbortSignal;
}

export type ReplyOptions = Pick<PublishOptions, 'correlationId' | 'signal'>;

/** A message on a queue, told apart by the route that it came by. */
export type MessageOf<R extends RouteName> = { [K in R]: { readonly route: K; readonly body: BodyOf<K> } }[R];
export type MessageOn<Q extends QueueName> = MessageOf<(typeof QUEUES)[Q][number]>;

export interface MessageMeta {
  readonly messageId: string | undefined;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  /** True when the message may have been handled before. */
  readonly redelivered: boolean;
  /** Aborts when the subscription is being closed and no longer waits: the message goes to somebody else. */
  readonly signal: AbortSignal;
  /** Resolves when the message has been acknowledged; never where it was not. */
  readonly acknowledged: Promise<unknown>;
}

/** Resolving acknowledges the message. Throwing makes it a dead letter, with the error's message as the reason. */
export type Handler<M> = (message: M, meta: MessageMeta) => Promise<unknown>;

export interface SubscribeOptions {
  /** Handlers at the same time; 1 where order matters. */
  readonly concurrency?: number;
  /** Messages held here unacknowledged at the same time; as many as `concurrency` where nothing is said. */
  readonly prefetch?: number;
}

export interface Subscription {
  /** Resolves when the broker has first confirmed it, or it was closed before. */
  readonly started: Promise<void>;
  /** No handler starts any more; running ones go on. What had not been started goes to other subscribers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** As `pause`, for ever; resolves when the running handlers have ended, or the bound is over and their messages are handed back. */
  close(): Promise<void>;
}
