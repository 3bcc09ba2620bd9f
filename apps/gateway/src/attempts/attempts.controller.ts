import { Controller, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import {
  claimRequestSchema,
  finishingRequestSchema,
  heartbeatRequestSchema,
  ParameterInvalidError,
  settledReportSchema,
  type HeartbeatAnswer,
  type WireClaimAnswer,
} from '@tidemark/contracts';
import { parsedBody } from '@tidemark/nest';

import { openClaim } from './open-claim.js';
import { PARTS, type GatewayParts } from '../tokens.js';

/** What a transfer-worker asks about the attempt that it runs or wants to run. Each call may be repeated. */
@Controller('internal/jobs/:id')
export class AttemptsController {
  readonly #leaseSeconds: number;

  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {
    this.#leaseSeconds = parts.settings.TIDEMARK_LEASE_SECONDS;
  }

  @Post('claim')
  @HttpCode(200)
  async claim(@Param('id') id: string, @Req() request: FastifyRequest): Promise<WireClaimAnswer> {
    const claim = parsedBody(request, claimRequestSchema);
    const answer = await this.parts.jobs.claim(id, { ...claim, leaseSeconds: this.#leaseSeconds });
    if (answer.outcome === 'NOTHING') return answer;
    await this.parts.steps.made('claimed');
    return await openClaim(this.parts, answer);
  }

  @Post('heartbeat')
  @HttpCode(200)
  async heartbeat(@Param('id') id: string, @Req() request: FastifyRequest): Promise<HeartbeatAnswer> {
    const { fence } = parsedBody(request, heartbeatRequestSchema);
    return { verdict: await this.parts.jobs.heartbeat(id, { fence, leaseSeconds: this.#leaseSeconds }) };
  }

  /** From GO on the effect of a restore is the gateway's to make true: it asks for the switch without waiting for the sweep. */
  @Post('finishing')
  @HttpCode(200)
  async finishing(@Param('id') id: string, @Req() request: FastifyRequest): Promise<HeartbeatAnswer> {
    const finishing = parsedBody(request, finishingRequestSchema);
    const verdict = await this.parts.jobs.finishing(id, finishing);
    if (verdict === 'GO') await this.parts.steps.made('effect stored');
    const { effect } = finishing;
    if (verdict === 'GO' && effect.kind === 'SWITCH') this.parts.switches.start({ jobId: id, effect });
    return { verdict };
  }

  /** The last report of a worker that has no broker to send it through. */
  @Post('settled')
  @HttpCode(204)
  async settled(@Param('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    const report = parsedBody(request, settledReportSchema);
    if (report.jobId !== id) throw new ParameterInvalidError('jobId', 'must be the one of the path');
    const settlement = await this.parts.jobs.settle(report);
    if (settlement.outcome === 'SETTLED') await this.parts.ends.follow(settlement.job);
  }
}
