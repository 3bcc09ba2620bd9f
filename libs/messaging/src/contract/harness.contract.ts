import type { Handler, MessageMeta, Messaging, MessageOn, SubscribeOptions, Subscription } from '../messaging.js';
import type { QueueName } from '../topology.js';

/** A broker of one test's own. */
export interface MessagingHarness {
  /** One more process at the broker. */
  connect(options?: { drainMillis?: number }): Messaging;
  /** Publishes bytes past the port, as anybody may. */
  inject(message: { exchange: string; key: string; body: Buffer; messageId?: string }): Promise<void>;
  /** Declares a queue for answers; what arrives is handed to the callback. */
  openReplyQueue(name: string, onAnswer: (answer: Answer) => void): Promise<void>;
  close(): Promise<void>;
}

export interface Answer {
  readonly body: string;
  readonly correlationId: string | undefined;
}

/** What the parts of the suite work with; what is connected is closed after each test. */
export interface Bench {
  harness(): MessagingHarness;
  connect(options?: { drainMillis?: number }): Messaging;
}

export interface Inbox<T> {
  put(value: T): void;
  /** `put` as a handler. */
  accept(value: T): Promise<void>;
  next(): Promise<T>;
  take(count: number): Promise<T[]>;
  size(): number;
}

/** What has arrived, to be awaited. */
export function inbox<T>(): Inbox<T> {
  const arrived: T[] = [];
  const wanted: ((value: T) => void)[] = [];
  const next = (): Promise<T> =>
    new Promise((resolve) => {
      if (arrived.length > 0) resolve(arrived.shift() as T);
      else wanted.push(resolve);
    });
  const put = (value: T): void => {
    const taker = wanted.shift();
    if (taker) taker(value);
    else arrived.push(value);
  };
  return {
    next,
    put,
    accept: (value) => {
      put(value);
      return Promise.resolve();
    },
    take: async (count) => {
      const taken: T[] = [];
      while (taken.length < count) taken.push(await next());
      return taken;
    },
    size: () => arrived.length,
  };
}

export function collect<Q extends QueueName>(
  messaging: Messaging,
  queue: Q,
  options?: SubscribeOptions,
): [Inbox<{ message: MessageOn<Q>; meta: MessageMeta }>, Subscription] {
  const arrived = inbox<{ message: MessageOn<Q>; meta: MessageMeta }>();
  const handler: Handler<MessageOn<Q>> = (message, meta) => arrived.accept({ message, meta });
  return [arrived, messaging.subscribe(queue, handler, options)];
}

export function hold(): { released: Promise<unknown>; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { released: promise, release: () => resolve(undefined) };
}

export async function eventually<T>(look: () => Promise<readonly T[]>, count: number): Promise<readonly T[]> {
  for (let looks = 0; looks < 10_000; looks++) {
    const found = await look();
    if (found.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`${count} were to come`);
}
