import { isTerminal, type Job } from '@tidemark/contracts';
import type { JobStore } from '@tidemark/jobs';
import type { Messaging } from '@tidemark/messaging';
import type { Logger } from '@tidemark/platform';

import type { Doorbells } from './doorbells.js';

const PUBLISH_MILLIS = 2_000;

/** What follows the end of a job: the world is told, and the job that waited for it is rung for. */
export class JobEnds {
  constructor(private readonly parts: { jobs: JobStore; messaging: Messaging; doorbells: Doorbells; log: Logger }) {}

  /**
   * To be called with a job after every change that may have ended it. Never rejects: the job has ended whatever comes
   * of this, the sweep rings for who waited, and events are promised to nobody.
   */
  async follow(job: Job): Promise<void> {
    if (!isTerminal(job.state)) return;
    const { id, operation, state, attempt, error } = job;
    this.parts.log.info({ jobId: id, operation, state, attempt, code: error?.code }, 'a job has ended');
    const outcomes = await Promise.allSettled([this.#publish(job), this.#ringNext(job)]);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        this.parts.log.debug({ err: outcome.reason as unknown, jobId: id }, 'the end of a job was not told');
    }
  }

  /** To be called after a restore was undone, or redone. Never rejects. */
  async tellUndo(job: Job): Promise<void> {
    const { id, undone } = job;
    this.parts.log.info({ jobId: id, undone }, 'a restore was undone, or redone');
    await this.#publish(job).catch((error: unknown) => {
      this.parts.log.debug({ err: error, jobId: id }, 'the undo of a restore was not told');
    });
  }

  async #publish(job: Job): Promise<void> {
    await this.parts.messaging.publish('jobEvent', job, { signal: AbortSignal.timeout(PUBLISH_MILLIS) });
  }

  async #ringNext({ id }: Job): Promise<void> {
    const next = await this.parts.jobs.takeNextBehind(id);
    if (next) await this.parts.doorbells.ring(next);
  }
}
