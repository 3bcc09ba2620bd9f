import { Controller, Inject } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import type { MessageMeta, MessageOn } from '@tidemark/messaging';
import { OnQueue } from '@tidemark/nest';
import { retry } from '@tidemark/platform';

import { PARTS, type GatewayParts } from '../tokens.js';
import { UNTIL_IT_MENDS } from './until-it-mends.js';

/** What workers report over the queue. A report of an old fence, or one that came before, changes nothing. */
@Controller()
export class ReportsController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @OnQueue('tidemark.reports')
  async report(@Payload() report: MessageOn<'tidemark.reports'>, @Ctx() { signal }: MessageMeta): Promise<void> {
    await retry(UNTIL_IT_MENDS, () => this.#apply(report), signal);
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
