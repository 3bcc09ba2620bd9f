import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { FastifyInstance } from 'fastify';

import { TooLargeError } from '@tidemark/contracts';

import type { HttpLimits } from './http-limits.js';
import { RequestMalformedError } from './http-errors.js';

export const REQUEST_ID_HEADER = 'x-request-id';

/**
 * For browsers, whatever is answered: no answer is a page. It is of the type that it says, is not shown in a frame, runs
 * and loads nothing, is not kept, and its address, which may name documents, is told to nobody.
 */
export const GUARDS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

const SANE_REQUEST_ID = /^[\w.:-]{1,128}$/;

/** The caller's own request id where it is a harmless one, else a new one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID();
}

/** What every answer has, whoever makes it. */
export function setBasicHeaders(raw: ServerResponse, requestId: string): void {
  raw.setHeader(REQUEST_ID_HEADER, requestId);
  for (const [name, value] of Object.entries(GUARDS)) raw.setHeader(name, value);
}

/** Puts the request id and the guards on every answer and refuses what no route could make sense of. */
export function checkRequestBasics(fastify: FastifyInstance, limits: HttpLimits): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    setBasicHeaders(reply.raw, request.id);
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
