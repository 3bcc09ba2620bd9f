import { All, Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';

import { DOCUMENT_INDEX_LINK, MAX_DOCUMENT_BYTES, NotFoundError } from '@tidemark/contracts';
import { BodyLimit, JSON_TYPE, NDJSON_TYPE, rawPath, requireContentType } from '@tidemark/nest';

import { PARTS, type GatewayParts } from '../tokens.js';

/** The index as a whole. */
@Controller('core/document-index')
export class DocumentIndexController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @Get()
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.parts.proxy.forward(reply, { target: targetOf(request), body: undefined });
  }

  @Post()
  async write(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.parts.proxy.forward(reply, { target: targetOf(request), body: request.raw });
  }
}

/** Every path that is not the system's is the link of a document. */
@Controller()
export class DocumentsController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @All(['core', 'core/*'])
  unknown(@Req() request: FastifyRequest): never {
    throw new NotFoundError(rawPath(request).slice(0, 200));
  }

  @All('*')
  @BodyLimit(MAX_DOCUMENT_BYTES)
  async forward(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { body, url } = request;
    if (body !== undefined && !Buffer.isBuffer(body)) requireContentType(request, JSON_TYPE);
    const received = Buffer.isBuffer(body) ? body : undefined;
    await this.parts.proxy.forward(reply, { target: `/documents${url}`, body: received });
  }
}

/** Asked before the body is received: a bulk write of another type would be refused as too large before that is said. */
export const bulkTypeCheck: onRequestHookHandler = (request, _reply, done) => {
  if (request.routeOptions.url === DOCUMENT_INDEX_LINK && request.method === 'POST') {
    requireContentType(request, NDJSON_TYPE);
  }
  done();
};

function targetOf({ url }: FastifyRequest): string {
  return url.slice('/core'.length);
}
