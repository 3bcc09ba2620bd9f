import { HttpException } from '@nestjs/common';
import type { FastifyError } from 'fastify';

import {
  ContentTypeError,
  InternalError,
  NotFoundError,
  NotImplementedError,
  TidemarkError,
  type ErrorCode,
} from '@tidemark/contracts';
import { errnoOf } from '@tidemark/platform';

import { JSON_TYPE } from '../http/content-type.js';

/** What Nest or Fastify refused by themselves, before or beside our own code. */
class RefusedByFrameworkError extends TidemarkError {
  constructor(
    readonly code: ErrorCode,
    { message }: Refusal,
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'TOO_LARGE',
  414: 'LINK_INVALID',
  429: 'TOO_MANY_REQUESTS',
  501: 'NOT_IMPLEMENTED',
};

export interface RefusedCall {
  readonly method: string;
  readonly path: string;
  readonly contentType: string | undefined;
  readonly supportedMethods: readonly string[];
}

/** The error of ours for anything thrown on the way of a request; what nobody foresaw is INTERNAL. */
export function toTidemarkError(error: unknown, call: RefusedCall): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const refusal = refusalIn(error);
  if (!refusal || refusal.status >= 500) return new InternalError(error);
  if (refusal.status === 404) return notFound(call);
  if (refusal.status === 415) return new ContentTypeError(call.contentType?.slice(0, 100), JSON_TYPE);
  return new RefusedByFrameworkError(CODES[refusal.status] ?? 'REQUEST_MALFORMED', refusal, error);
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

function refusalIn(error: unknown): Refusal | undefined {
  if (error instanceof HttpException) return { status: error.getStatus(), message: error.message };
  if (!errnoOf(error)?.startsWith('FST_')) return undefined;
  const { statusCode, message } = error as FastifyError;
  return statusCode === undefined ? undefined : { status: statusCode, message };
}

function notFound({ method, path, supportedMethods }: RefusedCall): TidemarkError {
  return supportedMethods.includes(method)
    ? new NotFoundError(path.slice(0, 200))
    : new NotImplementedError(`the method ${method}`);
}
