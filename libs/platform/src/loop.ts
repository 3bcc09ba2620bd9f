import { sleep } from './abort.js';
import type { Logger } from './logger.js';

/** Something that runs from time to time until it is stopped; an error of one turn is logged and the next turn comes. */
export class Loop {
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: { name: string; everyMillis: number; log: Logger },
    private readonly turn: (signal: AbortSignal) => Promise<void>,
  ) {}

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the turn under way, if there is one, has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      try {
        await this.turn(signal);
      } catch (error) {
        if (!stopped()) this.options.log.error({ err: error }, `${this.options.name} failed, trying again`);
      }
      await sleep(this.options.everyMillis, signal).catch(() => undefined);
    }
  }
}
