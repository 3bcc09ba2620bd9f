import { Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { checkDocumentLink, DOCUMENT_INDEX_LINK, ParameterInvalidError, type BulkResult } from '@tidemark/contracts';
import type { DocumentIndex } from '@tidemark/document-index';
import { callerGone, NDJSON_TYPE, rawQuery, streamedBody } from '@tidemark/nest';

import { DOCUMENT_INDEX } from '../tokens.js';
import { sendDocument, sendPage } from './document-answers.js';
import { parseDocumentQuery } from './document-query.js';

/** The index as a whole: any version of any link, prefixes, bulk writes. */
@Controller('document-index')
export class DocumentIndexController {
  constructor(@Inject(DOCUMENT_INDEX) private readonly index: DocumentIndex) {}

  @Get()
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = parseDocumentQuery(rawQuery(request));
    const link = query.documentSelfLink;
    if (link === undefined) throw new ParameterInvalidError('documentSelfLink', 'query parameter is required');
    if (link.endsWith('*')) {
      const page = await this.index.reader.page({ ...query, selection: { prefix: link.slice(0, -1) } });
      await sendPage(reply, page, { path: DOCUMENT_INDEX_LINK, query });
      return;
    }
    const { reader } = this.index;
    const state = { ...query, link: checkDocumentLink(link) };
    await sendDocument(reply, await (query.includeDeleted ? reader.state(state) : reader.document(state)));
  }

  @Post()
  async write(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<BulkResult> {
    void reply.code(200);
    return await this.index.writeLines(streamedBody(request, { type: NDJSON_TYPE }), callerGone(reply));
  }
}
