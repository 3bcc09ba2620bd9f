import type { Channel, ChannelModel } from 'amqplib';

import { DEAD_LETTERS, DELIVERY_LIMIT, EXCHANGES, QUEUES, ROUTES, type QueueName } from '../topology.js';
import type { BrokerNames } from './names.js';

/** Messages that may wait in a queue before the broker refuses more. */
const MAX_QUEUE_LENGTH = 100_000;
const MAX_DEAD_LETTERS = 10_000;
/** Looking at dead letters counts as a delivery, and must not be what removes them. */
const DEAD_LETTER_DELIVERY_LIMIT = 1_000_000;

const ACCESS_REFUSED = 403;

const ALL_QUEUES = Object.keys(QUEUES) as QueueName[];

/**
 * Makes what is missing of the topology, with all work queues or those that are named. A user who may not configure only
 * looks whether everything is there, and gets the broker's error where it is not (yet).
 */
export async function declareTopology(
  model: Pick<ChannelModel, 'createChannel'>,
  names: BrokerNames,
  queues: readonly QueueName[] = ALL_QUEUES,
): Promise<void> {
  try {
    await onChannel(model, (channel) => declare(channel, names, queues));
  } catch (error) {
    if ((error as { code?: unknown }).code !== ACCESS_REFUSED) throw error;
    await onChannel(model, (channel) => check(channel, names, queues));
  }
}

async function declare(channel: Channel, names: BrokerNames, queues: readonly QueueName[]): Promise<void> {
  for (const [name, type] of Object.entries(EXCHANGES)) {
    await channel.assertExchange(names.atBroker(name), type, { durable: true });
  }
  const deadLetters = names.atBroker(DEAD_LETTERS.exchange);
  await channel.assertQueue(names.atBroker(DEAD_LETTERS.queue), {
    durable: true,
    maxLength: MAX_DEAD_LETTERS,
    arguments: quorum(DEAD_LETTER_DELIVERY_LIMIT),
  });
  await channel.bindQueue(names.atBroker(DEAD_LETTERS.queue), deadLetters, '');
  for (const queue of queues) {
    await channel.assertQueue(names.atBroker(queue), {
      durable: true,
      deadLetterExchange: deadLetters,
      maxLength: MAX_QUEUE_LENGTH,
      arguments: { ...quorum(DELIVERY_LIMIT), 'x-overflow': 'reject-publish' },
    });
    for (const route of QUEUES[queue]) {
      const { exchange, key } = ROUTES[route];
      await channel.bindQueue(names.atBroker(queue), names.atBroker(exchange), String(key));
    }
  }
}

async function check(channel: Channel, names: BrokerNames, queues: readonly QueueName[]): Promise<void> {
  for (const name of Object.keys(EXCHANGES)) await channel.checkExchange(names.atBroker(name));
  for (const name of [DEAD_LETTERS.queue, ...queues]) await channel.checkQueue(names.atBroker(name));
}

function quorum(deliveryLimit: number): Readonly<Record<string, unknown>> {
  return { 'x-queue-type': 'quorum', 'x-delivery-limit': deliveryLimit };
}

async function onChannel(
  model: Pick<ChannelModel, 'createChannel'>,
  work: (channel: Channel) => Promise<void>,
): Promise<void> {
  const channel = await model.createChannel();
  channel.on('error', () => undefined); // whoever called gets it
  await work(channel);
  await channel.close();
}
