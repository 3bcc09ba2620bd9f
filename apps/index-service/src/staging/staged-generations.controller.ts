import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { decodePart } from '@tidemark/archive';
import {
  openStagedRequestSchema,
  ParameterInvalidError,
  partFactsFromHeaders,
  type BuildStatus,
  type LoadedPart,
  type StagedGeneration,
} from '@tidemark/contracts';
import type { DocumentIndex } from '@tidemark/document-index';
import { BYTES_TYPE, callerGone, streamedBody, parsedBody } from '@tidemark/nest';

import { holdToGrant } from '../grants/grant-check.js';
import { DOCUMENT_INDEX, SESSION_SETTINGS, type SessionSettings } from '../tokens.js';

/** Staged generations, each in a session of this very process. */
@Controller('staged-generations')
export class StagedGenerationsController {
  constructor(
    @Inject(DOCUMENT_INDEX) private readonly index: DocumentIndex,
    @Inject(SESSION_SETTINGS) private readonly settings: SessionSettings,
  ) {}

  @Post()
  async open(@Req() request: FastifyRequest): Promise<StagedGeneration> {
    const attempt = parsedBody(request, openStagedRequestSchema);
    holdToGrant(request, attempt);
    const opened = await this.index.staged.open(attempt);
    const { sessionId, generation, expectedLive, loadedParts } = opened;
    const session = `${this.settings.advertisedUrl()}/staged-generations/${sessionId}`;
    return { session, generation, expectedLive, loadedParts: [...loadedParts] };
  }

  /** The part's bytes as they lie in the archive; what it must be is told in the headers and checked here again. */
  @Put(':session/parts/:part')
  async load(
    @Param() { session, part }: { session: string; part: string },
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LoadedPart> {
    const facts = partFactsFromHeaders(request.headers);
    if (!facts) throw new ParameterInvalidError('x-part-…', 'headers must say what the part is');
    if (!/^[0-9]{1,6}$/.test(part)) throw new ParameterInvalidError('part', 'must be a number');
    const bytes = streamedBody(request, { type: BYTES_TYPE, limitBytes: facts.bytes });
    const rows = decodePart(bytes, facts, { entry: `part ${part}`, signal: callerGone(reply) });
    return await this.index.staged.load(session, Number(part), rows);
  }

  @Post(':session/build')
  @HttpCode(202)
  build(@Param('session') sessionId: string): BuildStatus {
    this.index.staged.build(sessionId);
    return this.index.staged.buildStatus(sessionId);
  }

  @Get(':session/build')
  buildStatus(@Param('session') sessionId: string): BuildStatus {
    return this.index.staged.buildStatus(sessionId);
  }

  @Delete(':session')
  @HttpCode(204)
  async discard(@Param('session') sessionId: string): Promise<void> {
    await this.index.staged.discard(sessionId);
  }
}
