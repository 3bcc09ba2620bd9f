import { Controller, Inject } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import type { Steps } from '@tidemark/contracts';
import type { MessageMeta, MessageOn, QueueName } from '@tidemark/messaging';
import { OnQueue, QueueServer } from '@tidemark/nest';

import type { JobRunner } from './attempt/job-runner.js';
import { JOB_RUNNER, JOB_STEPS } from './tokens.js';

type DoorbellQueue = Extract<QueueName, `tidemark.jobs.${string}`>;

/** Doorbells from the queues. Each queue has one attempt at a time here: while it runs, others take what comes. */
@Controller()
export class DoorbellsController {
  constructor(
    @Inject(JOB_RUNNER) private readonly runner: JobRunner,
    @Inject(QueueServer) private readonly queues: QueueServer,
    @Inject(JOB_STEPS) private readonly steps: Steps,
  ) {}

  @OnQueue('tidemark.jobs.backup')
  async backup(@Payload() { body }: MessageOn<'tidemark.jobs.backup'>, @Ctx() meta: MessageMeta): Promise<void> {
    await this.#ring('tidemark.jobs.backup', body.jobId, meta);
  }

  @OnQueue('tidemark.jobs.restore')
  async restore(@Payload() { body }: MessageOn<'tidemark.jobs.restore'>, @Ctx() meta: MessageMeta): Promise<void> {
    await this.#ring('tidemark.jobs.restore', body.jobId, meta);
  }

  /** Resolves, and so acknowledges the doorbell, as soon as the claim is decided: no job depends on a held message. */
  async #ring(queue: DoorbellQueue, jobId: string, { acknowledged }: MessageMeta): Promise<void> {
    const attempt = await this.runner.ring(jobId);
    if (!attempt) return;
    void acknowledged.then(() => this.steps.made('message acknowledged'));
    const subscription = this.queues.subscription(queue);
    await subscription.pause();
    void attempt.ended.finally(() => subscription.resume());
  }
}
