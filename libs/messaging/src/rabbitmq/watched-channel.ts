import { once } from 'node:events';

import type { Channel } from 'amqplib';

import { abortReason, retry, type Logger } from '@tidemark/platform';

export interface WatchedChannelOptions<C extends Channel> {
  readonly log: Logger;
  /** Waits for the connection where there is none. */
  readonly create: () => Promise<C>;
  /** Makes a new channel ready for use; where it fails, another channel is tried. */
  readonly prepare: (channel: C) => Promise<void>;
}

const UNTIL_IT_WORKS = { attempts: Infinity, firstDelayMillis: 100, maxDelayMillis: 5000, retriable: () => true };

/** A channel that is opened again whenever the broker or the connection ends it. */
export class WatchedChannel<C extends Channel> {
  readonly #stop = new AbortController();
  readonly #stopped = once(this.#stop.signal, 'abort').then(() => undefined);
  #current: C | undefined;
  readonly #waiting = new Set<PromiseWithResolvers<C>>();
  readonly #running: Promise<void>;

  constructor(private readonly options: WatchedChannelOptions<C>) {
    this.#running = this.#run();
  }

  /** Undefined while there is none. */
  get current(): C | undefined {
    return this.#current;
  }

  /**
   * Resolves as soon as there is a channel; rejects once it is closed for good. Nothing is kept of who has given up
   * waiting: a broker may be away for days.
   */
  async opened(givenUp?: AbortSignal): Promise<C> {
    this.#stop.signal.throwIfAborted();
    if (this.#current) return this.#current;
    const waiting = Promise.withResolvers<C>();
    this.#waiting.add(waiting);
    const onGivenUp = (): void => {
      if (givenUp) waiting.reject(abortReason(givenUp));
    };
    givenUp?.addEventListener('abort', onGivenUp, { once: true });
    try {
      return await waiting.promise;
    } finally {
      this.#waiting.delete(waiting);
      givenUp?.removeEventListener('abort', onGivenUp);
    }
  }

  /** What was delivered on the channel and is not settled goes back to its queue. Never rejects. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the channel is closed'));
    for (const { reject } of this.#waiting) reject(this.#stop.signal.reason);
    if (this.#current) await end(this.#current);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      const open = await retry(UNTIL_IT_WORKS, () => this.#open(), signal).catch(() => undefined);
      if (!open) return;
      this.#current = open.channel;
      for (const { resolve } of this.#waiting) resolve(open.channel);
      await open.ended;
      this.#current = undefined;
    }
  }

  /** Undefined when it was stopped meanwhile; a channel that comes after that is closed at once. */
  async #open(): Promise<{ channel: C; ended: Promise<unknown> } | undefined> {
    const creating = this.options.create();
    const channel = await Promise.race([creating, this.#stopped]);
    if (!channel) {
      creating.then(end, () => undefined);
      return undefined;
    }
    const ended = new Promise((resolve) => channel.once('close', resolve));
    channel.on('error', (error: Error) => this.options.log.warn({ err: error }, 'the broker ended a channel'));
    try {
      await this.options.prepare(channel);
    } catch (error) {
      await end(channel);
      throw error;
    }
    if (this.#stop.signal.aborted) await end(channel);
    return { channel, ended };
  }
}

/** It may have ended already, and the end of its connection ends it without an answer. */
async function end(channel: Channel): Promise<void> {
  const ended = new Promise((resolve) => channel.once('close', resolve));
  await Promise.race([channel.close().catch(() => undefined), ended]);
}
