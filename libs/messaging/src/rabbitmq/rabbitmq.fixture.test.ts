import { randomUUID } from 'node:crypto';

import { connect, type ConfirmChannel } from 'amqplib';
import { silentLogger, systemClock } from '@tidemark/platform';
import { removeTopology, testBrokerUrl } from '@tidemark/testing';

import { createMessaging } from '../broker-messaging.js';
import type { Messaging } from '../messaging.js';
import type { MessagingHarness } from '../messaging.contract.js';
import { declareTopology } from './declare-topology.js';
import { BrokerNames } from './names.js';
import { connectToRabbitMq } from './rabbitmq-connection.js';

/** A topology of one test's own on the test broker, under a prefix that nobody else has. */
export interface OwnTopology extends MessagingHarness {
  readonly prefix: string;
  readonly names: BrokerNames;
  /** Of a bystander: with every right, and not ours. */
  readonly channel: ConfirmChannel;
  /** One more process, by another way to the broker. */
  connectTo(url: string, options?: { publishMillis?: number }): Messaging;
}

const SILENT = { log: silentLogger, clock: systemClock };

export async function openOwnTopology(): Promise<OwnTopology> {
  const prefix = `test-${randomUUID()}`;
  const names = new BrokerNames(prefix);
  const url = testBrokerUrl();
  const bystander = await connect(url);
  bystander.on('error', () => undefined);
  await declareTopology(bystander, names);
  const channel = await bystander.createConfirmChannel();
  return {
    prefix,
    names,
    channel,
    connect: (options) =>
      createMessaging(connectToRabbitMq({ url, prefix, log: silentLogger }), { ...SILENT, ...options }),
    connectTo: (way, options) =>
      createMessaging(connectToRabbitMq({ url: way, prefix, log: silentLogger, ...options }), SILENT),
    inject: async ({ exchange, key, body, messageId }) => {
      channel.publish(names.atBroker(exchange), key, body, messageId === undefined ? {} : { messageId });
      await channel.waitForConfirms();
    },
    openReplyQueue: async (name, onAnswer) => {
      await channel.assertQueue(name, { exclusive: true });
      const onMessage: Parameters<ConfirmChannel['consume']>[1] = (message) => {
        const correlationId = message?.properties.correlationId as string | undefined;
        if (message) onAnswer({ body: message.content.toString(), correlationId });
      };
      await channel.consume(name, onMessage, { noAck: true });
    },
    close: async () => {
      await bystander.close();
      await removeTopology({ amqpUrl: url, queuePrefix: prefix });
    },
  };
}
