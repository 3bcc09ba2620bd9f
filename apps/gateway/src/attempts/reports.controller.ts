import { Controller, Inject } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { errorFacts, TidemarkError } from '@tidemark/contracts';
import type { MessageMeta, MessageOn } from '@tidemark/messaging';
import { OnQueue } from '@tidemark/nest';
import { retry, type RetryRule } from '@tidemark/platform';

import { PARTS, type GatewayParts } from '../tokens.js';

/** A report is not lost to a database that is away: it stays unacknowledged, and those behind it wait in the queue. */
const UNTIL_THE_DATABASE_IS_BACK: RetryRule = {
  attempts: Infinity,
  firstDelayMillis: 100,
  maxDelayMillis: 2_000,
  retriable: (error) => error instanceof TidemarkError && errorFacts(error.code).retriable,
};

/** What workers report over the queue. A report of an old fence, or one that came before, changes nothing. */
@Controller()
export class ReportsController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @OnQueue('tidemark.reports')
  async report(@Payload() report: MessageOn<'tidemark.reports'>, @Ctx() { signal }: MessageMeta): Promise<void> {
    await retry(UNTIL_THE_DATABASE_IS_BACK, () => this.#apply(report), signal);
  }

  async #apply({ route, body }: MessageOn<'tidemark.reports'>): Promise<void> {
    const { jobs, ends } = this.parts;
    if (route === 'progress') {
      await jobs.progress(body);
      return;
    }
    const settlement = await jobs.settle(body);
    if (settlement.outcome === 'SETTLED') await ends.follow(settlement.job);
  }
}
