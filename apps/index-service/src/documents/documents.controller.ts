import { Controller, Delete, Get, Inject, Patch, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuid } from 'uuid';

import {
  BodyEmptyError,
  checkDocumentLink,
  LinkInvalidError,
  MAX_DOCUMENT_BYTES,
  MethodNotAllowedError,
  parentLink,
} from '@tidemark/contracts';
import { parseDocument, type DocumentIndex, type ParsedDocument } from '@tidemark/document-index';
import { BodyLimit, jsonBytes, rawPath, rawQuery } from '@tidemark/nest';

import { DOCUMENT_INDEX } from '../tokens.js';
import { sendDocument, sendPage } from './document-answers.js';
import { parseDocumentPath, type DocumentPath } from './document-path.js';
import { parseDocumentQuery } from './document-query.js';

const PREFIX = '/documents';
const PATHS = ['', '*'];

/** Documents by their links, as the gateway hands them on. */
@Controller('documents')
export class DocumentsController {
  constructor(@Inject(DOCUMENT_INDEX) private readonly index: DocumentIndex) {}

  @Get(PATHS)
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { link, folder } = pathOf(request);
    const query = parseDocumentQuery(rawQuery(request));
    const found = folder ? 'children' : await this.index.reader.documentOrChildren({ link, ...query });
    if (found !== 'children') {
      await sendDocument(reply, found);
      return;
    }
    const page = await this.index.reader.page({ ...query, selection: { childrenOf: link } });
    await sendPage(reply, page, { path: `${link}/`, query });
  }

  @Post(PATHS)
  @BodyLimit(MAX_DOCUMENT_BYTES)
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { link: parent } = pathOf(request);
    const document = documentOf(request);
    const link = childLink(parent, document.selfLink ?? uuid());
    const { generation, version } = await this.index.write({ method: 'POST', link, document });
    if (version) await sendDocument(reply.header('location', link), { generation, version }, 201);
  }

  @Put(PATHS)
  @BodyLimit(MAX_DOCUMENT_BYTES)
  async replace(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const link = documentLink(request);
    const ifMatch = request.headers['if-match'];
    const result = await this.index.write({ method: 'PUT', link, document: documentOf(request), ifMatch });
    const { effect, generation, version } = result;
    if (effect === 'CREATED') void reply.header('location', link);
    if (version) await sendDocument(reply, { generation, version }, effect === 'CREATED' ? 201 : 200);
  }

  @Patch(PATHS)
  @BodyLimit(MAX_DOCUMENT_BYTES)
  async merge(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const link = documentLink(request);
    const ifMatch = request.headers['if-match'];
    const { generation, version } = await this.index.write({
      method: 'PATCH',
      link,
      document: documentOf(request),
      ifMatch,
    });
    if (version) await sendDocument(reply, { generation, version });
  }

  @Delete(PATHS)
  async remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const link = documentLink(request);
    const { generation, version } = await this.index.write({
      method: 'DELETE',
      link,
      ifMatch: request.headers['if-match'],
    });
    if (version) await sendDocument(reply, { generation, version });
    else await reply.code(200).send();
  }
}

function pathOf(request: FastifyRequest): DocumentPath {
  return parseDocumentPath(rawPath(request).slice(PREFIX.length));
}

/** The link of a request that is about one document: never a folder. */
function documentLink(request: FastifyRequest): string {
  const { link, folder } = pathOf(request);
  if (folder) throw new MethodNotAllowedError(request.method, ['GET', 'HEAD', 'POST']);
  return link;
}

function documentOf(request: FastifyRequest): ParsedDocument {
  const bytes = jsonBytes(request);
  if (bytes.length === 0) throw new BodyEmptyError();
  return parseDocument(bytes);
}

/** A name is put behind the parent, a whole link must be a direct child of it. */
function childLink(parent: string, selfLink: string): string {
  const link = checkDocumentLink(selfLink.startsWith('/') ? selfLink : `${parent}/${selfLink}`);
  if (parentLink(link) !== parent) throw new LinkInvalidError(link, `it is not a direct child of ${parent}/`);
  return link;
}
