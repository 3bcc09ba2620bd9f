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
  type Steps,
} from '@tidemark/contracts';
import type { DocumentIndex } from '@tidemark/document-index';
import { BYTES_TYPE, callerGone, streamedBody, parsedBody, waitOver } from '@tidemark/nest';

import { holdToGrant } from '../grants/grant-check.js';
import { DOCUMENT_INDEX, JOB_STEPS, SESSION_SETTINGS, type SessionSettings } from '../tokens.js';

/** Well below what the other side takes for silence. */
const WAIT_MILLIS = 1000;

/** Staged generations, each in a session of this very process. */
@Controller('staged-generations')
export class StagedGenerationsController {
  constructor(
    @Inject(DOCUMENT_INDEX) private readonly index: DocumentIndex,
    @Inject(SESSION_SETTINGS) private readonly settings: SessionSettings,
    @Inject(JOB_STEPS) private readonly steps: Steps,
  ) {}

  @Post()
  async open(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StagedGeneration> {
    const attempt = parsedBody(request, openStagedRequestSchema);
    holdToGrant(request, attempt);
    const opened = await this.index.staged.open(attempt, callerGone(reply));
    await this.steps.made('generation staged');
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
    const loaded = await this.index.staged.load(session, Number(part), rows);
    await this.steps.made('part staged');
    return loaded;
  }

  @Post(':session/build')
  @HttpCode(202)
  build(@Param('session') sessionId: string): BuildStatus {
    this.index.staged.build(sessionId);
    return this.index.staged.buildStatus(sessionId);
  }

  /** Answers when the build has ended, or after a second. */
  @Get(':session/build')
  async buildStatus(
    @Param('session') sessionId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BuildStatus> {
    const over = AbortSignal.any([waitOver(reply), AbortSignal.timeout(WAIT_MILLIS)]);
    const status = await this.index.staged.built(sessionId, over);
    if (status.state === 'DONE') await this.steps.made('indexes built');
    return status;
  }

  @Delete(':session')
  @HttpCode(204)
  async discard(@Param('session') sessionId: string): Promise<void> {
    await this.index.staged.discard(sessionId);
  }
}
