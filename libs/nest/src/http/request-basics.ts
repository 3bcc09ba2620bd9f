import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import type { FastifyInstance } from 'fastify';

import { TooLargeError } from '@tidemark/contracts';

import type { HttpLimits } from './http-limits.js';
import { RequestMalformedError } from './http-errors.js';

export const REQUEST_ID_HEADER = 'x-request-id';

const SANE_REQUEST_ID = /^[\w.:-]{1,128}$/;

/** The caller's own request id where it is a harmless one, else a new one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID();
}

/** Puts the request id on every answer and refuses what no route could make sense of. */
export function checkRequestBasics(fastify: FastifyInstance, limits: HttpLimits): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.raw.setHeader(REQUEST_ID_HEADER, request.id);
    done(refusalOf(request.raw, limits));
  });
}

function refusalOf({ url = '', httpVersion, headersDistinct }: IncomingMessage, limits: HttpLimits): Error | undefined {
  if (!url.startsWith('/')) return new RequestMalformedError('its target must be a path');
  if (url.length > limits.urlBytes) return new TooLargeError('the URL', limits.urlBytes);
  const hosts = headersDistinct.host?.length ?? 0;
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    return new RequestMalformedError('it must have one Host header');
  }
  return undefined;
}
