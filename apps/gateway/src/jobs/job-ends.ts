import { isTerminal, type Job, type Steps } from '@tidemark/contracts';
import type { JobStore } from '@tidemark/jobs';
import type { Messaging } from '@tidemark/messaging';
import type { Logger } from '@tidemark/platform';

import type { Doorbells } from './doorbells.js';

const PUBLISH_MILLIS = 2_000;

export interface JobEndsParts {
  readonly jobs: JobStore;
  readonly messaging: Messaging;
  readonly doorbells: Doorbells;
  readonly steps: Steps;
  readonly log: Logger;
}

/** What follows the end of a job: the world is told, and the job that waited for it is rung for. */
export class JobEnds {
  constructor(private readonly parts: JobEndsParts) {}

  /**
   * To be called with a job after every change that may have ended it. Never rejects: the job has ended whatever comes
   * of this, and a sweep rings for who waited, and tells again what was not told.
   */
  async follow(job: Job): Promise<void> {
    if (!isTerminal(job.state)) return;
    const { id, operation, state, attempt, error } = job;
    this.parts.log.info({ jobId: id, operation, state, attempt, code: error?.code }, 'a job has ended');
    await this.parts.steps.made('settled');
    const outcomes = await Promise.allSettled([this.tell(job), this.#ringNext(job)]);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        this.parts.log.debug({ err: outcome.reason as unknown, jobId: id }, 'the end of a job was not told');
    }
    await this.parts.steps.made('event sent');
  }

  /** To be called after a restore was undone, or redone. Never rejects. */
  async tellUndo(job: Job): Promise<void> {
    const { id, undone } = job;
    this.parts.log.info({ jobId: id, undone }, 'a restore was undone, or redone');
    await this.tell(job).catch((error: unknown) => {
      this.parts.log.debug({ err: error, jobId: id }, 'the undo of a restore was not told');
    });
  }

  /** The event of a job that has ended or was undone; the same one has the same message id. Throws where no broker takes it. */
  async tell(job: Job): Promise<void> {
    const { messaging, jobs } = this.parts;
    const messageId = `${job.id}:${job.revision}`;
    await messaging.publish('jobEvent', job, { messageId, signal: AbortSignal.timeout(PUBLISH_MILLIS) });
    await jobs.told(job);
  }

  async #ringNext({ id }: Job): Promise<void> {
    const next = await this.parts.jobs.takeNextBehind(id);
    if (next) await this.parts.doorbells.ring(next);
  }
}
