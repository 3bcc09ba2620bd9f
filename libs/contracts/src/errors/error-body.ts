import { z } from 'zod';

import { errorFacts, isErrorCode, type ErrorCode } from './error-table.js';
import { TidemarkError } from './tidemark-error.js';

/** The one shape of an error over HTTP and in messages: the ancestor's, plus a stable `code`. */
export const errorBodySchema = z.object({
  message: z.string(),
  statusCode: z.int(),
  documentKind: z.literal('com:vmware:xenon:common:ServiceErrorResponse'),
  errorCode: z.int(),
  code: z.custom<ErrorCode>(isErrorCode, 'an error code of the table'),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

/** An error that another process of ours answered with. */
export class RemoteError extends TidemarkError {
  readonly code: ErrorCode;

  constructor(body: Pick<ErrorBody, 'code' | 'message' | 'details'>) {
    super(body.message, body.details ? { details: body.details } : {});
    this.code = body.code;
  }
}

/** What nobody foresaw: the caller learns nothing of it but the code, the log keeps the cause. */
export class InternalError extends TidemarkError {
  readonly code = 'INTERNAL';

  constructor(cause: unknown) {
    super('an internal error; the log of the service has the cause under the request id', { cause });
  }
}

export function asTidemarkError(error: unknown): TidemarkError {
  return error instanceof TidemarkError ? error : new InternalError(error);
}

export function toErrorBody(error: TidemarkError): ErrorBody {
  const facts = errorFacts(error.code);
  return {
    message: error.message,
    statusCode: facts.status,
    documentKind: 'com:vmware:xenon:common:ServiceErrorResponse',
    errorCode: facts.xenonCode ?? 0,
    code: error.code,
    ...(error.details ? { details: { ...error.details } } : {}),
  };
}
