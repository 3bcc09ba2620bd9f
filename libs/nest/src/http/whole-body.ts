import type { IncomingMessage } from 'node:http';

import type { FastifyInstance, FastifyRequest } from 'fastify';

import { TooLargeError } from '@tidemark/contracts';

import type { HttpLimits } from './http-limits.js';
import { RequestMalformedError, RequestTimeoutError } from './http-errors.js';
import { STREAMED_TYPES } from './content-type.js';

/**
 * Bodies reach controllers unparsed: a Buffer, or for the streamed types the stream itself, unread.
 * Nothing between the wire and the controller turns a number or a character into another.
 */
export function leaveBodiesRaw(
  fastify: FastifyInstance,
  { limits, streamAll }: { limits: HttpLimits; streamAll: boolean },
): void {
  fastify.removeAllContentTypeParsers();
  if (streamAll) {
    fastify.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    return;
  }
  fastify.addContentTypeParser([...STREAMED_TYPES], (_request, payload, done) => done(null, payload));
  fastify.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) => {
    const limitBytes = request.routeOptions.bodyLimit;
    return receiveWhole(payload, { limitBytes, limitMillis: limits.bodyMillis });
  });
}

/** What is left of a refused body flows on and is thrown away, see `connection-ends.ts`. */
function receiveWhole(
  payload: IncomingMessage,
  { limitBytes, limitMillis }: { limitBytes: number; limitMillis: number },
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const refuse = (error: Error): void => {
    payload.removeListener('data', take);
    payload.resume();
    reject(error);
  };
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > limitBytes) refuse(new TooLargeError('the body', limitBytes));
  };
  const timer = setTimeout(() => refuse(new RequestTimeoutError('the body', limitMillis)), limitMillis);
  payload.on('data', take);
  payload.once('end', () => resolve(Buffer.concat(chunks, bytes)));
  payload.once('error', (error) => reject(new RequestMalformedError('its body ends early', error)));
  if (Number(payload.headers['content-length']) > limitBytes) refuse(new TooLargeError('the body', limitBytes));
  return promise.finally(() => clearTimeout(timer));
}
