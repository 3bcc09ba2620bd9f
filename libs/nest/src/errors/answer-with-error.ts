import type { ServerResponse } from 'node:http';

import type { FastifyReply, FastifyRequest } from 'fastify';

import {
  MethodNotAllowedError,
  toErrorBody,
  type ErrorBody,
  type ErrorCode,
  type TidemarkError,
} from '@tidemark/contracts';
import type { Logger } from '@tidemark/platform';

import { RangeUnsatisfiableError, TooManyRequestsError, UnauthenticatedError } from '../http/http-errors.js';
import { setBasicHeaders } from '../http/request-basics.js';
import { rawPath } from '../http/request-path.js';
import { toTidemarkError } from './framework-error.js';

export const ERROR_CONTENT_TYPE = 'application/json; charset=utf-8';

const codes = new WeakMap<FastifyRequest, ErrorCode>();

/** Of the error that the request was answered with; undefined where it was answered with none. */
export function errorCodeOf(request: FastifyRequest): ErrorCode | undefined {
  return codes.get(request);
}

/**
 * Ends a request with the error body, or where an answer has already begun, by cutting the connection: the caller must
 * not take half an answer for a whole one. The one place where errors become statuses and where they are logged.
 */
export function answerWithError(reply: FastifyReply, thrown: unknown, log: Logger): void {
  const { request, raw } = reply;
  const { method, headers, server } = request;
  const call = {
    method,
    path: rawPath(request),
    contentType: headers['content-type'],
    supportedMethods: server.supportedMethods,
  };
  const error = toTidemarkError(thrown, call);
  codes.set(request, error.code);
  const body = toErrorBody(error);
  if (raw.destroyed) {
    log.debug({ err: thrown, requestId: request.id }, 'a request failed after its caller had gone');
    return;
  }
  if (body.statusCode >= 500) logFailure(log, body, { err: thrown, requestId: request.id, method, path: call.path });
  if (raw.headersSent) {
    raw.destroy();
    return;
  }
  if (reply.sent) sendRaw(raw, request.id, body);
  else {
    setBasicHeaders(raw, request.id);
    void reply.code(body.statusCode).headers(headersOf(error)).send(body);
  }
}

function headersOf(error: TidemarkError): Record<string, string> {
  return { 'content-type': ERROR_CONTENT_TYPE, ...ownHeadersOf(error) };
}

function ownHeadersOf(error: TidemarkError): Record<string, string> {
  if (error instanceof MethodNotAllowedError) return { allow: error.allowed.join(', ') };
  if (error instanceof UnauthenticatedError) return { 'www-authenticate': 'Bearer' };
  if (error instanceof TooManyRequestsError) return { 'retry-after': String(error.retryAfterSeconds) };
  if (error instanceof RangeUnsatisfiableError) return { 'content-range': `bytes */${error.totalBytes}` };
  return {};
}

function logFailure(log: Logger, { code }: ErrorBody, facts: object): void {
  if (code === 'INTERNAL') log.error({ ...facts, code }, 'a request failed');
  else log.warn({ ...facts, code }, 'a request could not be served');
}

/** Of a reply that was taken over from Fastify before anything was sent. */
function sendRaw(raw: ServerResponse, requestId: string, body: ErrorBody): void {
  for (const name of raw.getHeaderNames()) raw.removeHeader(name);
  setBasicHeaders(raw, requestId);
  raw.writeHead(body.statusCode, { 'content-type': ERROR_CONTENT_TYPE });
  raw.end(JSON.stringify(body));
}
