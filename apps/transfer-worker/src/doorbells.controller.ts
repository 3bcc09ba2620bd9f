import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import type { MessageOn, QueueName } from '@tidemark/messaging';
import { OnQueue, QueueServer } from '@tidemark/nest';

import type { JobRunner } from './attempt/job-runner.js';
import { JOB_RUNNER } from './tokens.js';

type DoorbellQueue = Extract<QueueName, `tidemark.jobs.${string}`>;

/** Doorbells from the queues. Each queue has one attempt at a time here: while it runs, others take what comes. */
@Controller()
export class DoorbellsController {
  constructor(
    @Inject(JOB_RUNNER) private readonly runner: JobRunner,
    @Inject(QueueServer) private readonly queues: QueueServer,
  ) {}

  @OnQueue('tidemark.jobs.backup')
  async backup(@Payload() { body }: MessageOn<'tidemark.jobs.backup'>): Promise<void> {
    await this.#ring('tidemark.jobs.backup', body.jobId);
  }

  @OnQueue('tidemark.jobs.restore')
  async restore(@Payload() { body }: MessageOn<'tidemark.jobs.restore'>): Promise<void> {
    await this.#ring('tidemark.jobs.restore', body.jobId);
  }

  /** Resolves, and so acknowledges the doorbell, as soon as the claim is decided: no job depends on a held message. */
  async #ring(queue: DoorbellQueue, jobId: string): Promise<void> {
    const attempt = await this.runner.ring(jobId);
    if (!attempt) return;
    const subscription = this.queues.subscription(queue);
    await subscription.pause();
    void attempt.ended.finally(() => subscription.resume());
  }
}
