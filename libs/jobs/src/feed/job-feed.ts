import { isTerminal, TidemarkError, type Job } from '@tidemark/contracts';
import { anySignal, retry, type RetryRule } from '@tidemark/platform';

import { ChangeListener, type ListenerOptions } from './change-listener.js';
import { Watcher } from './watcher.js';

export interface JobFeedOptions extends ListenerOptions {
  /** Where the jobs are read. */
  readonly jobs: { get(id: string): Promise<Job> };
}

/** A job once shown is shown again as soon as the database can be reached again. */
const READ_AGAIN: RetryRule = {
  attempts: Infinity,
  firstDelayMillis: 100,
  maxDelayMillis: 5_000,
  retriable: (error) => error instanceof TidemarkError && error.code === 'DATABASE_UNAVAILABLE',
};

/** The changes of jobs as they happen, whichever gateway makes them; all watchers share one connection. */
export class JobFeed {
  readonly #listener: ChangeListener;
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #stop = new AbortController();

  constructor(private readonly options: JobFeedOptions) {
    this.#listener = new ChangeListener(options, {
      connected: () => this.#tellAll(),
      changed: (jobId, revision) => this.#watchers.get(jobId)?.forEach((watcher) => watcher.tell(revision)),
    });
  }

  /** False while changes are not heard; watchers then wait until they are, and miss nothing. */
  get listening(): boolean {
    return this.#listener.listening;
  }

  start(): void {
    this.#listener.start();
  }

  /** Ends every watch. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#listener.stop();
  }

  /**
   * The job as it is now, then each time it has changed since the last one was taken: revisions rise, and those in
   * between may be left out. Ends after a terminal state, and early, without an error, when the signal aborts or
   * the feed stops. Throws what the first read throws, NotFoundError among it.
   */
  async *watch(jobId: string, signal?: AbortSignal): AsyncGenerator<Job, void, undefined> {
    const over = anySignal(signal, this.#stop.signal);
    const watcher = this.#addWatcher(jobId);
    try {
      while (await watcher.news(over)) {
        const job = await this.#read(jobId, watcher, over);
        if (!job) return;
        if (job.revision > watcher.seenRevision) {
          watcher.seenRevision = job.revision;
          yield job;
        }
        if (isTerminal(job.state)) return;
      }
    } finally {
      this.#removeWatcher(jobId, watcher);
    }
  }

  /** Undefined when the watch was over before the job could be read. */
  async #read(jobId: string, watcher: Watcher, over: AbortSignal): Promise<Job | undefined> {
    const attempts = watcher.seenRevision === 0 ? 1 : READ_AGAIN.attempts;
    try {
      return await retry({ ...READ_AGAIN, attempts }, () => this.options.jobs.get(jobId), over);
    } catch (error) {
      if (over.aborted) return undefined;
      throw error;
    }
  }

  #addWatcher(jobId: string): Watcher {
    const watcher = new Watcher();
    const watchers = this.#watchers.get(jobId) ?? new Set();
    this.#watchers.set(jobId, watchers.add(watcher));
    return watcher;
  }

  #removeWatcher(jobId: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(jobId);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#watchers.delete(jobId);
  }

  #tellAll(): void {
    for (const watchers of this.#watchers.values()) watchers.forEach((watcher) => watcher.tell());
  }
}
