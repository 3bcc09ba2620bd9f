import { Controller, Get, Inject, Patch, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { ManagementStatus } from '@tidemark/contracts';
import { jsonBody, waitOver } from '@tidemark/nest';

import { noteAsked } from '../callers/audit.js';
import { callerNameOf } from '../callers/caller-check.js';
import { PARTS, type GatewayParts } from '../tokens.js';
import { acceptRequest } from './accept-request.js';
import { idempotencyKey } from './idempotency.js';
import { managementStatus } from './management-status.js';
import { parsePreferences } from './prefer.js';
import { statusOf, waitForJob } from './wait-for-job.js';

/** The contract's own resource. */
@Controller('core/management')
export class ManagementController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @Get()
  async status(): Promise<ManagementStatus> {
    return await managementStatus(this.parts);
  }

  @Patch()
  async request(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { waitSeconds = this.parts.settings.TIDEMARK_PATCH_WAIT_SECONDS, applied } = parsePreferences(
      request.headers.prefer,
    );
    const key = idempotencyKey(request.raw.headersDistinct['idempotency-key']);
    const { job } = await acceptRequest(this.parts, {
      body: jsonBody(request),
      caller: callerNameOf(request),
      key,
      onRead: (what) => noteAsked(request, what),
    });
    const wait = { feed: this.parts.feed, seconds: waitSeconds, signal: waitOver(reply) };
    const latest = await waitForJob(job, wait);
    void reply.header('location', latest.documentSelfLink);
    if (applied !== undefined) void reply.header('preference-applied', applied);
    await reply.code(waitSeconds === 0 ? 202 : statusOf(latest)).send(latest);
  }
}
