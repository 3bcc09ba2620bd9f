import { connect, type Channel, type ChannelModel, type ConfirmChannel, type RecoveringChannelModel } from 'amqplib';

import { maskSecrets, sleep, type Logger } from '@tidemark/platform';

import type {
  BrokerConnection,
  Consumer,
  ConsumeOptions,
  LetterTaking,
  OutgoingMessage,
  QueueState,
  Source,
  StoredMessage,
} from '../broker-connection.js';
import { NotPublishedError } from '../not-published-error.js';
import { queuesOf, type QueueName } from '../topology.js';
import { ConfirmedPublisher } from './confirmed-publisher.js';
import { declareTopology } from './declare-topology.js';
import { LinkEnd } from './link-end.js';
import { BrokerNames } from './names.js';
import { RabbitMqConsumer } from './rabbitmq-consumer.js';
import { RabbitMqQuestions } from './rabbitmq-questions.js';
import { WatchedChannel } from './watched-channel.js';
import { within } from './within.js';

export interface RabbitMqOptions {
  /** `amqp://user:password@host:port/vhost`, or amqps. */
  readonly url: string;
  readonly log: Logger;
  /** Of the names of exchanges and queues; `tidemark` where nothing is said. */
  readonly prefix?: string;
  /** How long a message may wait for a connection and the broker's confirm. */
  readonly publishMillis?: number;
}

const PUBLISH_MILLIS = 5_000;
const CONNECT_MILLIS = 5_000;
const CLOSE_MILLIS = 2_000;
const HEARTBEAT_SECONDS = 10;
/**
 * RabbitMQ tells consumers of a deleted quorum queue some 35 ms later. A queue that has been made again by then keeps
 * them as consumers that are told nothing and get nothing.
 */
const DECLARE_AGAIN_MILLIS = 500;
const RECOVERY = { initialDelay: 100, maxDelay: 5_000, waitForConnect: false };

/** Connects to RabbitMQ, now or as soon as it is there, and again after every loss. */
export function connectToRabbitMq(options: RabbitMqOptions): BrokerConnection {
  const state: LinkState = { problem: NOT_YET, blocked: undefined };
  const names = new BrokerNames(options.prefix ?? 'tidemark');
  const setup = async (model: ChannelModel): Promise<void> => {
    model.on('error', () => undefined); // until it is set up nobody else listens; what is under way fails by it
    end.refuseIfWanted();
    await declareTopology(model, names);
  };
  const url = new URL(options.url);
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  const link = connect(url.href, { timeout: CONNECT_MILLIS, noDelay: true, recovery: { ...RECOVERY, setup } });
  const end = new LinkEnd(link);
  void link.then((opened) => watch(opened, state, options.log));
  return new RabbitMqConnection(link, { ...options, names, state, end });
}

interface LinkState {
  /** Why there is no connection; undefined where there is one. */
  problem: string | undefined;
  /** Why the broker takes no messages just now. */
  blocked: string | undefined;
}

const NOT_YET = 'not connected to RabbitMQ yet';

function watch(link: RecoveringChannelModel, state: LinkState, log: Logger): void {
  const lost = (error: Error): void => {
    const problem = `not connected to RabbitMQ: ${maskSecrets(error.message)}`;
    if (problem !== state.problem) log.warn(problem);
    state.problem = problem;
    state.blocked = undefined;
  };
  link.on('connect', () => {
    state.problem = undefined;
    log.info('connected to RabbitMQ');
  });
  link.on('disconnect', lost);
  link.on('connect-failed', lost);
  link.on('blocked', (reason) => {
    state.blocked = `RabbitMQ takes no messages: ${reason}`;
    log.warn(state.blocked);
  });
  link.on('unblocked', () => (state.blocked = undefined));
  link.on('error', () => undefined); // 'disconnect' says it
}

class RabbitMqConnection implements BrokerConnection {
  readonly #consumers = new Set<RabbitMqConsumer>();
  readonly #publishing: WatchedChannel<ConfirmChannel>;
  readonly #publisher: ConfirmedPublisher;
  readonly #questions: RabbitMqQuestions;
  #isMending = false;
  readonly #closed = new AbortController();

  constructor(
    private readonly link: Promise<RecoveringChannelModel>,
    private readonly options: RabbitMqOptions & { names: BrokerNames; state: LinkState; end: LinkEnd },
  ) {
    let isFirst = true;
    this.#publishing = new WatchedChannel({
      log: options.log,
      create: async () => await (await this.link).createConfirmChannel(),
      prepare: async (channel) => {
        await channel.prefetch(0); // changes nothing, and fails on a channel that ended before anybody listened
        if (!isFirst) await this.#declareAgain();
        isFirst = false;
        this.#publisher.watch(channel);
      },
    });
    const { names, publishMillis: boundMillis = PUBLISH_MILLIS } = options;
    this.#publisher = new ConfirmedPublisher({ channel: this.#publishing, names, boundMillis });
    this.#questions = new RabbitMqQuestions({ names, openChannel: () => this.#channelNow() });
  }

  async publish(message: OutgoingMessage, signal?: AbortSignal): Promise<void> {
    if (this.#closed.signal.aborted) throw new NotPublishedError('CLOSED', message.key);
    if (this.options.state.blocked !== undefined) throw new NotPublishedError('BLOCKED', message.key);
    try {
      await this.#publisher.publish(message, signal);
    } catch (error) {
      if (error instanceof NotPublishedError && error.reason === 'UNROUTABLE' && message.exchange !== '')
        this.#mendWay(message);
      throw error;
    }
  }

  consume(source: Source, options: ConsumeOptions): Consumer {
    const consumer: RabbitMqConsumer = new RabbitMqConsumer({
      ...options,
      source,
      names: this.options.names,
      log: this.options.log,
      createChannel: () => this.#createChannel(),
      declareTopology: () => this.#declareAgain('queue' in source ? [source.queue] : []),
      onGone: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  browseDeadLetters(see: (letter: StoredMessage) => void): Promise<void> {
    return this.#questions.browseDeadLetters(see);
  }

  takeDeadLetter(taking: LetterTaking): Promise<boolean> {
    return this.#questions.takeDeadLetter(taking);
  }

  queueStates(): Promise<QueueState[]> {
    return this.#questions.queueStates();
  }

  problems(): readonly string[] {
    if (this.#closed.signal.aborted) return ['the connection is closed'];
    const { problem, blocked } = this.options.state;
    return [problem, blocked].filter((each) => each !== undefined);
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    await within(CLOSE_MILLIS, this.#giveBack());
    await within(CLOSE_MILLIS, this.options.end.close());
  }

  async #giveBack(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.drop()));
    await this.#publishing.close();
  }

  async #channelNow(): Promise<Channel> {
    const { problem } = this.options.state;
    if (problem !== undefined) throw new Error(problem);
    const channel = await this.#createChannel();
    channel.on('error', () => undefined); // whoever called gets it
    return channel;
  }

  async #createChannel(): Promise<Channel> {
    return await (await this.link).createChannel();
  }

  /** A queue that nothing leads to any more has lost its binding or is gone itself, and no channel has ended by that. */
  #mendWay(message: OutgoingMessage): void {
    if (this.#isMending) return;
    this.#isMending = true;
    void this.#declareAgain(queuesOf(message))
      .catch((error: unknown) => {
        if (!this.#closed.signal.aborted) this.options.log.warn({ err: error }, 'a way to a queue was not made again');
      })
      .finally(() => (this.#isMending = false));
  }

  /**
   * On the connection as it is: after something of the topology was lost, and everybody else has noticed too. No other
   * queues than needed: they may have been lost just now, and nobody has noticed yet.
   */
  async #declareAgain(queues?: readonly QueueName[]): Promise<void> {
    await sleep(DECLARE_AGAIN_MILLIS, this.#closed.signal);
    await declareTopology({ createChannel: () => this.#createChannel() }, this.options.names, queues);
  }
}
