import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import {
  switchRequestSchema,
  undoRequestSchema,
  type IndexFigures,
  type Steps,
  type SwitchAnswer,
  type UndoAnswer,
} from '@tidemark/contracts';
import { parsedBody } from '@tidemark/nest';
import type { DocumentIndex } from '@tidemark/document-index';

import { DOCUMENT_INDEX, JOB_STEPS } from '../tokens.js';

/** What the gateway asks of the index: to switch, to switch back, and how it is. */
@Controller()
export class SwitchController {
  constructor(
    @Inject(DOCUMENT_INDEX) private readonly index: DocumentIndex,
    @Inject(JOB_STEPS) private readonly steps: Steps,
  ) {}

  @Post('switch')
  @HttpCode(200)
  async switch(@Req() request: FastifyRequest): Promise<SwitchAnswer> {
    const answer = await this.index.switch(parsedBody(request, switchRequestSchema));
    await this.steps.made('switched');
    return answer;
  }

  @Post('undo')
  @HttpCode(200)
  async undo(@Req() request: FastifyRequest): Promise<UndoAnswer> {
    return await this.index.undoSwitch(parsedBody(request, undoRequestSchema));
  }

  @Get('figures')
  async figures(): Promise<IndexFigures> {
    return await this.index.figures();
  }
}
