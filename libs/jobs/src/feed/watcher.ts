/** One who waits for newer revisions of a job. However many come while nobody waits, only that some came is kept. */
export class Watcher {
  /** The newest revision that was read. */
  seenRevision = 0;
  #isNews = true;
  #wake: (() => void) | undefined;

  /** The job has (or, not knowing, may have) changed. */
  tell(revision = Infinity): void {
    if (revision <= this.seenRevision) return;
    this.#isNews = true;
    this.#wake?.();
  }

  /** Resolves when there is news, at once for the first time; with false when the signal aborted. */
  async news(signal: AbortSignal): Promise<boolean> {
    if (!this.#isNews && !signal.aborted) await this.#told(signal);
    this.#isNews = false;
    return !signal.aborted;
  }

  async #told(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const wake = (): void => resolve(undefined);
    this.#wake = wake;
    signal.addEventListener('abort', wake);
    await promise;
    signal.removeEventListener('abort', wake);
  }
}
