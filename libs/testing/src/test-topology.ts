import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';

import { BrokerNames, DEAD_LETTERS, EXCHANGES, QUEUES, type ExchangeName } from '@tidemark/messaging';

type BrokerAddress = { readonly amqpUrl: string; readonly queuePrefix: string };
type WorkQueue = keyof typeof QUEUES | typeof DEAD_LETTERS.queue;

/** A message as it lies in a queue. */
export interface QueuedMessage {
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface PublishedMessage {
  readonly body: string | Buffer;
  readonly messageId?: string;
  readonly replyTo?: string;
}

/** Somebody at a system's broker who has every right, and is none of its services. */
export class Bystander {
  private constructor(
    private readonly model: ChannelModel,
    readonly channel: ConfirmChannel,
    private readonly names: BrokerNames,
  ) {}

  static async open({ amqpUrl, queuePrefix }: BrokerAddress): Promise<Bystander> {
    const model = await connect(amqpUrl);
    model.on('error', () => undefined);
    return new Bystander(model, await model.createConfirmChannel(), new BrokerNames(queuePrefix));
  }

  /** What an exchange or a queue of ours is called at the broker. */
  atBroker(name: ExchangeName | WorkQueue): string {
    return this.names.atBroker(name);
  }

  /** Publishes anything, and waits until the broker has it. */
  async publish(exchange: ExchangeName, key: string, { body, ...properties }: PublishedMessage): Promise<void> {
    this.channel.publish(this.atBroker(exchange), key, Buffer.from(body), { persistent: true, ...properties });
    await this.channel.waitForConfirms();
  }

  /** Every consumer of it is cancelled by that. */
  async deleteQueue(queue: WorkQueue): Promise<void> {
    await this.channel.deleteQueue(this.atBroker(queue));
  }

  /** Undefined while there is no such queue. */
  async stateOf(queue: WorkQueue): Promise<{ messages: number; consumers: number } | undefined> {
    const channel = await this.model.createChannel();
    channel.on('error', () => undefined);
    try {
      const { messageCount, consumerCount } = await channel.checkQueue(this.atBroker(queue));
      await channel.close();
      return { messages: messageCount, consumers: consumerCount };
    } catch (error) {
      if ((error as { code?: unknown }).code === 404) return undefined;
      throw error;
    }
  }

  /** Takes what lies in a queue, as it comes, until so many are there. */
  async take(queue: WorkQueue, count: number): Promise<QueuedMessage[]> {
    const taken: QueuedMessage[] = [];
    if (count === 0) return taken;
    const all = Promise.withResolvers<undefined>();
    const { consumerTag } = await this.channel.consume(this.atBroker(queue), (message) => {
      if (!message) return;
      if (taken.length === count) {
        this.channel.nack(message);
        return;
      }
      taken.push({ body: message.content.toString(), headers: message.properties.headers ?? {} });
      this.channel.ack(message);
      if (taken.length === count) all.resolve(undefined);
    });
    await all.promise;
    await this.channel.cancel(consumerTag);
    return taken;
  }

  /** A queue that gets what an exchange of ours is told under a key; it goes when this one leaves. */
  async listen(exchange: ExchangeName, key: string): Promise<string> {
    const { queue } = await this.channel.assertQueue('', { exclusive: true });
    await this.channel.bindQueue(queue, this.atBroker(exchange), key);
    return queue;
  }

  /** As {@link listen}, for good: it stays when this one leaves, and when the broker starts again. */
  async keep(exchange: ExchangeName, key: string): Promise<string> {
    const { queue } = await this.channel.assertQueue(`${this.atBroker(exchange)}.kept`, { durable: true });
    await this.channel.bindQueue(queue, this.atBroker(exchange), key);
    return queue;
  }

  /** Hands on each body that comes into a queue of {@link listen}. */
  async hear(queue: string, onBody: (body: string) => void): Promise<void> {
    await this.channel.consume(queue, (message) => message && onBody(message.content.toString()), { noAck: true });
  }

  /** The bodies of all that lies in a queue of {@link listen} now, and is gone then. */
  async drain(queue: string): Promise<string[]> {
    const bodies: string[] = [];
    for (;;) {
      const message = await this.channel.get(queue, { noAck: true });
      if (!message) return bodies;
      bodies.push(message.content.toString());
    }
  }

  /** Removes every queue and exchange of the system. */
  async removeTopology(): Promise<void> {
    for (const queue of [DEAD_LETTERS.queue, ...Object.keys(QUEUES)]) {
      await this.channel.deleteQueue(this.names.atBroker(queue));
    }
    for (const exchange of Object.keys(EXCHANGES)) await this.channel.deleteExchange(this.names.atBroker(exchange));
  }

  async close(): Promise<void> {
    await this.model.close();
  }
}

export async function removeTopology(address: BrokerAddress): Promise<void> {
  const bystander = await Bystander.open(address);
  await bystander.removeTopology();
  await bystander.close();
}
