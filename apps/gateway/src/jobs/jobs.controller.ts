import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { isTerminal, type Job, type JobList } from '@tidemark/contracts';
import { rawQuery, sendEvents, type ServerSentEvent } from '@tidemark/nest';

import { PARTS, type GatewayParts } from '../tokens.js';
import { parseJobListQuery } from './job-list-query.js';
import { undoRestore } from './undo-restore.js';

@Controller('core/management/jobs')
export class JobsController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @Get()
  async list(@Req() request: FastifyRequest): Promise<JobList> {
    const query = parseJobListQuery(rawQuery(request));
    const { jobs, next } = await this.parts.jobs.list(query);
    return {
      documentLinks: jobs.map((job) => job.documentSelfLink),
      documents: Object.fromEntries(jobs.map((job) => [job.documentSelfLink, job])),
      documentCount: jobs.length,
      ...(next === null ? {} : { nextPageLink: query.nextPageLink(next) }),
    };
  }

  @Get(':id')
  async get(@Param('id') id: string): Promise<Job> {
    return await this.parts.jobs.get(id);
  }

  @Delete(':id')
  @HttpCode(202)
  async cancel(@Param('id') id: string): Promise<Job> {
    const job = await this.parts.jobs.cancel(id);
    void this.parts.ends.follow(job);
    return job;
  }

  /** Of a restore that succeeded: back to the generation that it replaced; again, forward to the restored one. */
  @Post(':id/undo')
  @HttpCode(200)
  async undo(@Param('id') id: string): Promise<Job> {
    return await undoRestore(this.parts, id);
  }

  /** 204 tells a browser that has seen the end not to come again. */
  @Get(':id/events')
  async events(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const job = await this.parts.jobs.get(id);
    const seen = lastSeenRevision(request, job);
    if (isTerminal(job.state) && seen === job.revision) {
      await reply.code(204).send();
      return;
    }
    await sendEvents(reply, (signal) => eventsOf(this.parts.feed.watch(id, signal), seen));
  }
}

/** What the caller cannot have seen counts as nothing. */
function lastSeenRevision({ headers }: FastifyRequest, job: Job): number {
  const id = headers['last-event-id'];
  const revision = typeof id === 'string' && /^[0-9]{1,15}$/.test(id) ? Number(id) : 0;
  return revision <= job.revision ? revision : 0;
}

async function* eventsOf(changes: AsyncIterable<Job>, seen: number): AsyncGenerator<ServerSentEvent> {
  for await (const job of changes) {
    if (job.revision > seen) yield { id: String(job.revision), event: 'job', data: job };
  }
}
