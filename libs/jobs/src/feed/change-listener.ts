import pg from 'pg';

import { anySignal, retry, sleep, type Logger, type RetryRule } from '@tidemark/platform';

export interface ListenerOptions {
  readonly url: string;
  readonly log: Logger;
  /** How often the connection is tried and how long it may take, lest a network that swallows all goes unnoticed. */
  readonly probeMillis?: number;
}

/** What is heard. After {@link connected} everything may have changed: what was said before was not heard. */
export interface ChangeEars {
  connected(): void;
  changed(jobId: string, revision: number): void;
}

const PROBE_MILLIS = 10_000;
const CONNECT_MILLIS = 5_000;
const RECONNECT: RetryRule = {
  attempts: Infinity,
  firstDelayMillis: 100,
  maxDelayMillis: 5_000,
  retriable: () => true,
};

/** Listens for changes of jobs on one connection of its own, and connects again whenever that is lost. */
export class ChangeListener {
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #probeMillis: number;
  #listening = false;

  constructor(
    private readonly options: ListenerOptions,
    private readonly ears: ChangeEars,
  ) {
    this.#probeMillis = options.probeMillis ?? PROBE_MILLIS;
  }

  get listening(): boolean {
    return this.#listening;
  }

  start(): void {
    this.#running = this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      const client = await retry(RECONNECT, () => this.#connect(), signal).catch(() => undefined);
      if (!client) return;
      await this.#listenUntilLost(client, signal);
      if (stopped()) return;
      this.options.log.warn('the connection that listens for changes of jobs was lost, connecting again');
      await sleep(RECONNECT.firstDelayMillis, signal).catch(() => undefined);
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.options.url,
      application_name: 'tidemark-job-feed',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MILLIS,
      query_timeout: this.#probeMillis,
    });
    // Without an ear for it, a lost connection would end the process; `end` says the same once more.
    client.on('error', () => undefined);
    client.on('notification', ({ payload }) => this.#hear(payload));
    try {
      await client.connect();
      await client.query('LISTEN tidemark_jobs');
      return client;
    } catch (error) {
      await client.end();
      throw error;
    }
  }

  async #listenUntilLost(client: pg.Client, signal: AbortSignal): Promise<void> {
    const lost = new AbortController();
    client.once('end', () => lost.abort());
    const over = anySignal(signal, lost.signal);
    const isOver = (): boolean => over.aborted;
    this.#listening = true;
    this.ears.connected();
    while (!isOver()) {
      await sleep(this.#probeMillis, over).catch(() => undefined);
      if (!isOver()) await client.query('SELECT').catch(() => lost.abort());
    }
    this.#listening = false;
    await client.end();
  }

  #hear(payload = ''): void {
    const [jobId = '', revision = ''] = payload.split(':');
    this.ears.changed(jobId, Number(revision));
  }
}
