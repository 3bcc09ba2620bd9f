import { describe, expect, test } from '@jest/globals';
import { silentLogger, systemClock } from '@tidemark/platform';

import type { Delivery, OutgoingMessage } from '../broker-connection.js';
import { createMessaging } from '../broker-messaging.js';
import { describeMessaging } from '../messaging.contract.js';
import { DELIVERY_LIMIT } from '../topology.js';
import { InProcessBroker } from './in-process-broker.js';

const SILENT = { log: silentLogger, clock: systemClock };

describeMessaging('within the process', () => {
  const broker = new InProcessBroker();
  const raw = broker.connect();
  const replyQueues: { close(): Promise<void> }[] = [];
  return Promise.resolve({
    connect: (options) => createMessaging(broker.connect(), { ...SILENT, ...options }),
    inject: (given) => raw.publish(message(given)),
    openReplyQueue: (name, onAnswer) => {
      const onDelivery = (delivery: Delivery): void => {
        const { body, correlationId } = delivery.message;
        onAnswer({ body: body.toString(), correlationId });
        delivery.ack();
      };
      replyQueues.push(broker.openReplyQueue(name, onDelivery));
      return Promise.resolve();
    },
    close: async () => {
      for (const queue of replyQueues) await queue.close();
      await raw.close();
    },
  });
});

describe('a full queue', () => {
  const settled = (n: number): OutgoingMessage => message({ key: 'settled', body: Buffer.from(`s${n}`) });
  const progress = (n: number): OutgoingMessage =>
    message({ key: 'progress', body: Buffer.from(`p${n}`), persistent: false });

  test('drops its oldest transient message for a new one of either kind', async () => {
    const connection = new InProcessBroker({ queueLimit: 3 }).connect();
    for (const each of [progress(1), settled(1), progress(2), progress(3), settled(2)]) await connection.publish(each);
    expect(await contents(connection, 3)).toEqual(['s1', 'p3', 's2']);
  });

  test('refuses a persistent message when nothing in it may be dropped', async () => {
    const connection = new InProcessBroker({ queueLimit: 2 }).connect();
    for (const each of [settled(1), settled(2)]) await connection.publish(each);
    await expect(connection.publish(settled(3))).rejects.toMatchObject({ reason: 'REFUSED' });
    expect(await contents(connection, 2)).toEqual(['s1', 's2']);
  });

  test('drops a transient message itself when all others are persistent', async () => {
    const connection = new InProcessBroker({ queueLimit: 2 }).connect();
    for (const each of [settled(1), settled(2), progress(1)]) await connection.publish(each);
    expect(await contents(connection, 2)).toEqual(['s1', 's2']);
  });

  test('of dead letters forgets the oldest', async () => {
    const connection = new InProcessBroker({ queueLimit: 2 }).connect();
    for (const n of [1, 2, 3]) {
      await connection.publish(message({ exchange: 'tidemark.dead', key: 'any', body: Buffer.from(`d${n}`) }));
    }
    const bodies: string[] = [];
    await connection.browseDeadLetters(({ body }) => bodies.push(body.toString()));
    expect(bodies).toEqual(['d2', 'd3']);
  });
});

test('a message that keeps coming back becomes a dead letter of the broker', async () => {
  const connection = new InProcessBroker().connect();
  const messaging = createMessaging(connection, SILENT);
  const { promise: over, resolve } = Promise.withResolvers<unknown>();
  let deliveries = 0;
  connection.consume(
    { queue: 'tidemark.reports' },
    {
      prefetch: 1,
      onDelivery: (delivery) => {
        deliveries++;
        delivery.requeue();
        if (deliveries > DELIVERY_LIMIT) resolve(undefined);
      },
    },
  );
  await connection.publish(message({ key: 'settled', body: Buffer.from('x') }));
  await over;
  expect(deliveries).toBe(DELIVERY_LIMIT + 1);
  expect(await messaging.deadLetters(1)).toMatchObject([{ queue: 'tidemark.reports', reason: 'delivery_limit' }]);
});

describe('a drained queue', () => {
  test('is one whose messages have all been handled, and an empty one', async () => {
    const broker = new InProcessBroker();
    const connection = broker.connect();
    await broker.drained('tidemark.reports', 60_000);
    for (const body of ['1', '2']) await connection.publish(message({ key: 'settled', body: Buffer.from(body) }));
    const handled: string[] = [];
    connection.consume(
      { queue: 'tidemark.reports' },
      {
        prefetch: 1,
        onDelivery: (delivery) => {
          handled.push(`${delivery.message.body.toString()}${delivery.redelivered ? ' again' : ''}`);
          setImmediate(() => (handled.length === 1 ? delivery.requeue() : delivery.ack()));
        },
      },
    );
    await broker.drained('tidemark.reports', 60_000);
    expect(handled).toEqual(['1', '1 again', '2']);
  });

  test('is not waited for longer than it is said', async () => {
    const broker = new InProcessBroker();
    await broker.connect().publish(message({ key: 'settled', body: Buffer.from('1') }));
    await broker.drained('tidemark.reports', 10);
    expect(await contents(broker.connect(), 1)).toEqual(['1']);
  });
});

test('a connection that ends gives back what it had in hand, in order', async () => {
  const broker = new InProcessBroker();
  const first = broker.connect();
  for (const body of ['1', '2', '3']) await first.publish(message({ key: 'settled', body: Buffer.from(body) }));
  const { promise: taken, resolve } = Promise.withResolvers<unknown>();
  let inHand = 0;
  const onDelivery = (): void => {
    if (++inHand === 2) resolve(undefined);
  };
  first.consume({ queue: 'tidemark.reports' }, { prefetch: 2, onDelivery });
  await taken;
  await first.close();
  expect(await contents(broker.connect(), 3)).toEqual(['1 again', '2 again', '3']);
});

function contents(connection: ReturnType<InProcessBroker['connect']>, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const seen: string[] = [];
    const onDelivery = (delivery: Delivery): void => {
      seen.push(`${delivery.message.body.toString()}${delivery.redelivered ? ' again' : ''}`);
      delivery.ack();
      if (seen.length === count) resolve(seen);
    };
    connection.consume({ queue: 'tidemark.reports' }, { prefetch: 1, onDelivery });
  });
}

function message(given: Partial<OutgoingMessage>): OutgoingMessage {
  return {
    exchange: 'tidemark.reports',
    key: '',
    body: Buffer.alloc(0),
    contentType: undefined,
    messageId: undefined,
    correlationId: undefined,
    replyTo: undefined,
    headers: {},
    persistent: true,
    mandatory: true,
    ...given,
  };
}
