const MAX_JOBS = 1000;

/** The latest attempt of each job that was seen here: older ones have no say any more. The longest unseen are forgotten. */
export class LatestFences {
  readonly #byJob = new Map<string, number>();

  /** False for an attempt that a later one has followed. */
  admit({ jobId, fence }: { readonly jobId: string; readonly fence: number }): boolean {
    const latest = this.#byJob.get(jobId) ?? 0;
    if (fence < latest) return false;
    this.#byJob.delete(jobId);
    this.#byJob.set(jobId, fence);
    const [oldest] = this.#byJob.keys();
    if (this.#byJob.size > MAX_JOBS && oldest !== undefined) this.#byJob.delete(oldest);
    return true;
  }
}
