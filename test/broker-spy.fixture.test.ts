import { randomUUID } from 'node:crypto';

import { EXCHANGES, QUEUES, ROUTES, type ExchangeName, type QueueName } from '@tidemark/messaging';
import { Bystander, type ServicesIdentity } from '@tidemark/testing';

const EXCHANGE_NAMES = Object.keys(EXCHANGES) as ExchangeName[];
const MARK = 'nothing more to see';
const REPLY_TO = 'amq.rabbitmq.reply-to';

/** Somebody who reads along on every exchange of a system, and asks for jobs over its queue. */
export class BrokerSpy {
  /** Every message by where it was published, with its headers and properties. */
  readonly seen = new Map<ExchangeName, string[]>(EXCHANGE_NAMES.map((name) => [name, []]));
  readonly #marked = new Map(EXCHANGE_NAMES.map((name) => [name, Promise.withResolvers<undefined>()]));
  readonly #replies = new Map<string, (answer: string) => void>();
  #asked = 0;
  #next = Promise.withResolvers<undefined>();

  private constructor(readonly bystander: Bystander) {}

  static async open(identity: ServicesIdentity): Promise<BrokerSpy> {
    const spy = new BrokerSpy(await Bystander.open(identity));
    for (const name of EXCHANGE_NAMES) await spy.#listen(name);
    await spy.bystander.channel.consume(
      REPLY_TO,
      (message) => {
        if (message) spy.#replies.get(String(message.properties.correlationId))?.(message.content.toString());
      },
      { noAck: true },
    );
    return spy;
  }

  /** How often something was asked for over the queue. */
  get asked(): number {
    return this.#asked;
  }

  /** Resolves with the answer to a request over the queue. */
  async ask(body: string, messageId: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const correlationId = randomUUID();
    this.#replies.set(correlationId, resolve);
    await this.#publish(body, { messageId, correlationId, replyTo: REPLY_TO });
    return await promise;
  }

  /** Asks for something, and for no answer. */
  async tell(body: string, properties: { messageId?: string; headers?: object } = {}): Promise<void> {
    await this.#publish(body, properties);
  }

  /** Resolves with the messages of an exchange as soon as so many are there. */
  async messages(name: ExchangeName, count: number): Promise<readonly string[]> {
    const messages = this.seen.get(name) ?? [];
    while (messages.length < count) await this.#next.promise;
    return messages;
  }

  /** When nobody publishes any more: resolves as soon as everything that was published has been seen. */
  async everything(): Promise<void> {
    for (const name of EXCHANGE_NAMES) await this.bystander.publish(name, keysOf(name)[0] ?? '', { body: MARK });
    await Promise.all([...this.#marked.values()].map(({ promise }) => promise));
  }

  /** What lies in a queue of the system but for the marks of {@link everything}. */
  async lyingIn(queue: QueueName | 'tidemark.dead'): Promise<string[]> {
    const { messages = 0 } = (await this.bystander.stateOf(queue)) ?? {};
    const taken = await this.bystander.take(queue, messages);
    return taken.filter(({ body }) => body !== MARK).map((message) => JSON.stringify(message));
  }

  async close(): Promise<void> {
    await this.bystander.close();
  }

  async #publish(body: string, properties: object): Promise<void> {
    this.#asked++;
    const { channel } = this.bystander;
    channel.publish(this.bystander.atBroker('tidemark.requests'), 'request', Buffer.from(body), properties);
    await channel.waitForConfirms();
  }

  async #listen(name: ExchangeName): Promise<void> {
    const { channel } = this.bystander;
    const { queue } = await channel.assertQueue('', { exclusive: true });
    for (const key of keysOf(name)) await channel.bindQueue(queue, this.bystander.atBroker(name), key);
    const take = ({ fields, properties, content }: { fields: object; properties: object; content: Buffer }): void => {
      if (content.toString() === MARK) this.#marked.get(name)?.resolve(undefined);
      else this.seen.get(name)?.push(`${JSON.stringify({ ...fields, ...properties })} ${content.toString()}`);
      this.#next.resolve(undefined);
      this.#next = Promise.withResolvers();
    };
    await channel.consume(queue, (message) => message && take(message), { noAck: true });
  }
}

export const WORK_QUEUES = Object.keys(QUEUES) as QueueName[];

/** Those that anything is published with there; of events, all. */
function keysOf(name: ExchangeName): string[] {
  if (name === 'tidemark.dead') return [''];
  const routes = Object.values(ROUTES).filter(({ exchange }) => exchange === name);
  return routes.map(({ key }) => (typeof key === 'string' ? key : '#'));
}
