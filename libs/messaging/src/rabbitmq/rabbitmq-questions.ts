import type { Channel, GetMessage } from 'amqplib';

import { TidemarkError } from '@tidemark/contracts';
import { sleep } from '@tidemark/platform';

import type { LetterTaking, QueueState, StoredMessage } from '../broker-connection.js';
import { NotAnsweredError } from '../not-answered-error.js';
import { DEAD_LETTERS, STATED_QUEUES, type StatedQueue } from '../topology.js';
import type { BrokerNames } from './names.js';
import { toStoredMessage } from './wire-message.js';
import { within } from './within.js';

const STATE_MILLIS = 2_000;
/** Ten thousand letters lie there at most, and each is asked for. */
const LOOK_MILLIS = 30_000;
const CLOSE_MILLIS = 500;
const NO_SUCH_QUEUE = 404;

export interface QuestionsOptions {
  readonly names: BrokerNames;
  /** Rejects where there is no connection just now. */
  readonly openChannel: () => Promise<Channel>;
}

/** What RabbitMQ is asked: each question on a channel of its own, and within a bound. */
export class RabbitMqQuestions {
  /** Who looks at the dead letters has them in hand; the next one of this process looks after that. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: QuestionsOptions) {}

  async queueStates(): Promise<QueueState[]> {
    return await Promise.all(STATED_QUEUES.map((queue) => this.#stateOf(queue)));
  }

  /** For a moment nobody else sees them. */
  async browseDeadLetters(see: (letter: StoredMessage) => void): Promise<void> {
    await this.#lookAtLetters(async (look) => {
      for (let letter = await look(); letter; letter = await look()) see(letter.message);
    });
  }

  async takeDeadLetter({ isIt, use }: LetterTaking): Promise<boolean> {
    return await this.#lookAtLetters(async (look) => {
      for (let letter = await look(); letter; letter = await look()) {
        if (!isIt(letter.message)) continue;
        await use(letter.message);
        letter.remove();
        return true;
      }
      return false;
    });
  }

  async #stateOf(queue: StatedQueue): Promise<QueueState> {
    return await this.#ask(queue, STATE_MILLIS, async (channel) => {
      try {
        const { messageCount, consumerCount } = await channel.checkQueue(this.options.names.atBroker(queue));
        return { queue, waiting: messageCount, consumers: consumerCount };
      } catch (error) {
        if ((error as { code?: unknown }).code !== NO_SUCH_QUEUE) throw error;
        return { queue, waiting: null, consumers: null };
      }
    });
  }

  /**
   * What was looked at and not removed is given back at the end, behind the others or among them. The end of the
   * channel alone would give it back too, but some moments later.
   */
  #lookAtLetters<T>(work: (look: () => Promise<Letter | undefined>) => Promise<T>): Promise<T> {
    const { names } = this.options;
    const queue = names.atBroker(DEAD_LETTERS.queue);
    const turn = this.#looking.then(() =>
      this.#ask(DEAD_LETTERS.queue, LOOK_MILLIS, async (channel) => {
        const look = async (): Promise<Letter | undefined> => {
          const got: GetMessage | false = await channel.get(queue);
          return got ? { message: toStoredMessage(got, names), remove: () => channel.ack(got) } : undefined;
        };
        try {
          return await work(look);
        } finally {
          giveBack(channel);
        }
      }),
    );
    this.#looking = turn.catch(() => undefined);
    return turn;
  }

  async #ask<T>(what: string, millis: number, work: (channel: Channel) => Promise<T>): Promise<T> {
    const isOver = new AbortController();
    const tooLate = sleep(millis, isOver.signal).then(() => {
      throw new NotAnsweredError(what);
    });
    const channel = this.options.openChannel();
    try {
      return await Promise.race([channel.then(work), tooLate]);
    } catch (error) {
      throw error instanceof TidemarkError ? error : new NotAnsweredError(what, error);
    } finally {
      isOver.abort();
      const closed = channel.then((opened) => opened.close());
      await within(CLOSE_MILLIS, closed);
    }
  }
}

interface Letter {
  readonly message: StoredMessage;
  readonly remove: () => void;
}

/** All that is unacknowledged. A channel that has ended has given it back by that. */
function giveBack(channel: Channel): void {
  try {
    channel.nackAll(true);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'IllegalOperationError') throw error;
  }
}
