import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import { switchRequestSchema, type IndexFigures, type SwitchAnswer } from '@tidemark/contracts';
import { parsedBody } from '@tidemark/nest';
import type { DocumentIndex } from '@tidemark/document-index';

import { DOCUMENT_INDEX } from '../tokens.js';

/** What the gateway asks of the index: to switch, and how it is. */
@Controller()
export class SwitchController {
  constructor(@Inject(DOCUMENT_INDEX) private readonly index: DocumentIndex) {}

  @Post('switch')
  @HttpCode(200)
  async switch(@Req() request: FastifyRequest): Promise<SwitchAnswer> {
    return await this.index.switch(parsedBody(request, switchRequestSchema));
  }

  @Get('figures')
  async figures(): Promise<IndexFigures> {
    return await this.index.figures();
  }
}
