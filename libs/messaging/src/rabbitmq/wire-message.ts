import type { Message } from 'amqplib';

import type { StoredMessage } from '../broker-connection.js';
import { BROKER_HEADERS } from '../letter-headers.js';
import type { BrokerNames } from './names.js';

/** Marks a message on its way out, so that one that comes back unroutable is known again. */
export const PUBLISH_HEADER = 'x-tidemark-publish';

/** Stands for the property of that name, which some tools (amqp-publish) cannot set. */
const MESSAGE_ID_HEADER = 'message-id';

/** A message as it came from the broker; of its headers only texts, which are all that we set. */
export function toStoredMessage({ fields, properties, content }: Message, names: BrokerNames): StoredMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (typeof value === 'string' && name !== PUBLISH_HEADER) headers[name] = value;
  }
  const queue = headers[BROKER_HEADERS.queue];
  if (queue !== undefined) headers[BROKER_HEADERS.queue] = names.ours(queue);
  const seconds = firstDeathSeconds(properties.headers?.['x-death']);
  if (seconds !== undefined) headers[BROKER_HEADERS.at] = String(seconds * 1_000_000);
  return {
    key: fields.routingKey,
    body: content,
    contentType: text(properties.contentType),
    messageId: text(properties.messageId) ?? headers[MESSAGE_ID_HEADER],
    correlationId: text(properties.correlationId),
    replyTo: text(properties.replyTo),
    headers,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Of the broker's record of deaths, the first death last. */
function firstDeathSeconds(deaths: unknown): number | undefined {
  const first: unknown = Array.isArray(deaths) ? deaths.at(-1) : undefined;
  const { value } = (first as { time?: { value?: unknown } } | undefined)?.time ?? {};
  return typeof value === 'number' ? value : undefined;
}
