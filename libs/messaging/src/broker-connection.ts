import type { QueueName, StatedQueue } from './topology.js';

/**
 * One connection to a broker, in bytes: what RabbitMQ and its twin differ in. Everything else (schemas, dead letters,
 * concurrency, draining) stands once, above it.
 */
export interface BrokerConnection {
  /** Resolves on the broker's confirm; rejects with `NotPublishedError`, or with the signal's reason. */
  publish(message: OutgoingMessage, signal?: AbortSignal): Promise<void>;
  /** Subscribes now or as soon as it can, and again after every loss. */
  consume(source: Source, options: ConsumeOptions): Consumer;
  /** Shows every dead letter, in no certain order; they stay. May reject with `NotAnsweredError`. */
  browseDeadLetters(see: (letter: StoredMessage) => void): Promise<void>;
  /** Looks at dead letters until one is it. False where none is. May reject with `NotAnsweredError`. */
  takeDeadLetter(taking: LetterTaking): Promise<boolean>;
  /** May reject with `NotAnsweredError`. */
  queueStates(): Promise<QueueState[]>;
  /** Why this connection cannot work just now; empty when it can. */
  problems(): readonly string[];
  /** What is still unacknowledged goes back to its queue. */
  close(): Promise<void>;
}

export interface StoredMessage {
  /** Routing key that it was published with. */
  readonly key: string;
  readonly body: Buffer;
  readonly contentType: string | undefined;
  readonly messageId: string | undefined;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface LetterTaking {
  /** Asked once of each letter. */
  readonly isIt: (letter: StoredMessage) => boolean;
  /** Once it has resolved, the letter is removed; where it rejects, the letter stays. Before that, nobody else can take it. */
  readonly use: (letter: StoredMessage) => Promise<void>;
}

/** A queue just now; null where the broker has no such queue. */
export interface QueueState {
  readonly queue: StatedQueue;
  /** Messages that nobody has in hand. */
  readonly waiting: number | null;
  readonly consumers: number | null;
}

export interface OutgoingMessage extends StoredMessage {
  /** The empty name is the default exchange, where the key is the name of a queue. */
  readonly exchange: string;
  readonly persistent: boolean;
  readonly mandatory: boolean;
}

/** A work queue, or a queue of one's own for the events that match a topic pattern. */
export type Source = { readonly queue: QueueName } | { readonly events: string };

export interface ConsumeOptions {
  /** Deliveries that may be unsettled at the same time. */
  readonly prefetch: number;
  readonly onDelivery: (delivery: Delivery) => void;
}

/** A message in hand. Exactly one of `ack` and `requeue` is called, once; after a loss of the connection neither does anything. */
export interface Delivery {
  readonly message: StoredMessage;
  readonly redelivered: boolean;
  ack(): void;
  requeue(): void;
}

export interface Consumer {
  /** Resolves when the broker has first confirmed it, or it was cancelled before. */
  readonly started: Promise<void>;
  /** Whether the broker would deliver to it just now. */
  isConsuming(): boolean;
  /** No delivery comes after it has resolved; those that came can still be settled. Never rejects. */
  cancel(): Promise<void>;
}
