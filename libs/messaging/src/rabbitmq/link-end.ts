import type { RecoveringChannelModel } from 'amqplib';

/**
 * Ends a link of amqplib, but never while it is connecting: a connection that opens after the end is one that nobody
 * listens to, and when that breaks, its error ends this process.
 */
export class LinkEnd {
  #isWanted = false;
  #isConnecting = true;
  #pause: NodeJS.Timeout | undefined;
  #onSettled: () => void = () => undefined;

  /** Before the link has tried for the first time. */
  constructor(private readonly link: Promise<RecoveringChannelModel>) {
    void link.then((opened) => {
      opened.on('connect', () => this.#settled());
      opened.on('reconnect-scheduled', ({ delay }) => {
        this.#settled();
        // Started before the link's own, so over no later than it.
        this.#pause = setTimeout(() => (this.#isConnecting = true), delay);
      });
    });
  }

  /** For the link's setup: a connection that has just opened is given up where the end has been asked for. */
  refuseIfWanted(): void {
    if (this.#isWanted) throw new Error('the link is being closed');
  }

  async close(): Promise<void> {
    this.#isWanted = true;
    const link = await this.link;
    if (this.#isConnecting) await new Promise<void>((resolve) => (this.#onSettled = resolve));
    clearTimeout(this.#pause);
    await link.close();
  }

  #settled(): void {
    clearTimeout(this.#pause);
    this.#isConnecting = false;
    this.#onSettled();
  }
}
