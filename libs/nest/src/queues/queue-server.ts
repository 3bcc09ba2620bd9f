import type { OnModuleDestroy } from '@nestjs/common';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';

import {
  isQueueName,
  type MessageMeta,
  type Messaging,
  type QueueName,
  type SubscribeOptions,
  type Subscription,
} from '@tidemark/messaging';

export type QueueOptions = Partial<Record<QueueName, SubscribeOptions>>;

/**
 * Nest's transport over Messaging, for methods under `@OnQueue`. A method that returns acknowledges its message, one
 * that throws makes it a dead letter.
 */
export class QueueServer extends Server implements CustomTransportStrategy, OnModuleDestroy {
  /** Errors of handlers end in dead letters, so Nest need not report them. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #subscriptions = new Map<QueueName, Subscription>();

  constructor(
    private readonly messaging: Messaging,
    private readonly options: QueueOptions = {},
  ) {
    super();
  }

  /** To pause and resume what a queue hands out, while the application listens. */
  subscription(queue: QueueName): Subscription {
    const subscription = this.#subscriptions.get(queue);
    if (!subscription) throw new Error(`nothing here is subscribed to ${queue}`);
    return subscription;
  }

  listen(callback: (error?: unknown) => void): void {
    try {
      for (const [pattern, handler] of this.messageHandlers) this.#subscribe(pattern, handler);
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Nest's hook: no more work comes in before anything else of the application is closed. */
  onModuleDestroy(): Promise<void> {
    return this.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions.values()].map((subscription) => subscription.close()));
  }

  on(): never {
    throw new Error('a QueueServer has no events: ask Messaging for its problems');
  }

  unwrap(): never {
    throw new Error('a QueueServer hides nothing: inject MESSAGING');
  }

  #subscribe(pattern: string, handler: MessageHandler): void {
    if (!isQueueName(pattern)) throw new Error(`@EventPattern(${JSON.stringify(pattern)}) names no queue`);
    if (!handler.isEventHandler) throw new Error(`the handler of ${pattern} must be an @EventPattern`);
    const handle = async (message: unknown, meta: MessageMeta): Promise<void> => {
      const result: unknown = await handler(message, meta);
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
    };
    this.#subscriptions.set(pattern, this.messaging.subscribe(pattern, handle, this.options[pattern]));
  }
}
