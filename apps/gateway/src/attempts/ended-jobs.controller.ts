import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';

import { endedJobsRequestSchema, type endedJobsSchema } from '@tidemark/contracts';
import { parsedBody } from '@tidemark/nest';

import { PARTS, type GatewayParts } from '../tokens.js';

/** Asked by a worker about jobs of which something lies in its spool. */
@Controller('internal/ended-jobs')
export class EndedJobsController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @Post()
  @HttpCode(200)
  async ended(@Req() request: FastifyRequest): Promise<z.infer<typeof endedJobsSchema>> {
    const { jobIds } = parsedBody(request, endedJobsRequestSchema);
    return { ended: await this.parts.jobs.endedOf(jobIds) };
  }
}
