import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { openSnapshotRequestSchema, type Snapshot, type SnapshotTotals, type Steps } from '@tidemark/contracts';
import type { DocumentIndex } from '@tidemark/document-index';
import { callerGone, rawQuery, parsedBody } from '@tidemark/nest';

import { DOCUMENT_INDEX, JOB_STEPS, SESSION_SETTINGS, type SessionSettings } from '../tokens.js';
import { holdToGrant } from '../grants/grant-check.js';
import { parseRange } from './range-query.js';
import { sendPart } from './send-part.js';

/** Snapshots of the live generation, each in a session of this very process. */
@Controller('snapshots')
export class SnapshotsController {
  constructor(
    @Inject(DOCUMENT_INDEX) private readonly index: DocumentIndex,
    @Inject(SESSION_SETTINGS) private readonly settings: SessionSettings,
    @Inject(JOB_STEPS) private readonly steps: Steps,
  ) {}

  @Post()
  async open(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Snapshot> {
    const attempt = parsedBody(request, openSnapshotRequestSchema);
    holdToGrant(request, attempt);
    const opened = await this.index.snapshots.open(attempt, this.settings.partBytes, callerGone(reply));
    await this.steps.made('snapshot opened');
    const { sessionId, columns, ranges, ...facts } = opened;
    const session = `${this.settings.advertisedUrl()}/snapshots/${sessionId}`;
    return { session, ...facts, columns: [...columns], ranges: [...ranges] };
  }

  @Get(':session/parts')
  async part(
    @Param('session') sessionId: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const range = parseRange(rawQuery(request));
    await sendPart(reply, this.index.snapshots, { sessionId, range });
  }

  @Get(':session/totals')
  async totals(@Param('session') sessionId: string): Promise<SnapshotTotals> {
    return { documents: await this.index.snapshots.countDocuments(sessionId) };
  }

  @Delete(':session')
  @HttpCode(204)
  async close(@Param('session') sessionId: string): Promise<void> {
    await this.index.snapshots.close(sessionId);
  }
}
