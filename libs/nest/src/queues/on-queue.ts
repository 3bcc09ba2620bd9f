import { EventPattern } from '@nestjs/microservices';

import type { MessageMeta, MessageOn, QueueName } from '@tidemark/messaging';

type HandlerDecorator<Q extends QueueName> = <H extends (message: MessageOn<Q>, meta: MessageMeta) => unknown>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<H>,
) => void;

/**
 * Of a controller's method: it gets each message of the queue as `@Payload()` and what is known about it as `@Ctx()`.
 * Nest's `@EventPattern`, with names and types held against the topology.
 */
export const OnQueue = <Q extends QueueName>(queue: Q): HandlerDecorator<Q> => EventPattern([queue]);
