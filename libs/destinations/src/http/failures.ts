import { TidemarkError } from '@tidemark/contracts';

import {
  ArchiveNotFoundError,
  DestinationFullError,
  DestinationRefusedError,
  DestinationTimeoutError,
  DestinationUnreachableError,
} from '../errors.js';
import { NOT_CONNECTED_IN_TIME } from './connections.js';
import { retryAfterMillis } from './retry-after.js';

interface FailureFacts {
  /** Whether the same request may succeed in a moment. */
  readonly worthwhile: boolean;
  /** False where the server can have changed nothing: it was not reached, or said that it refuses. */
  readonly mayHaveArrived: boolean;
  readonly status?: number;
  readonly retryAfterMillis?: number | undefined;
}

/** A request that got no usable answer, with the error that it is for the job should nothing help. */
export class FailedRequest extends Error {
  override readonly name = 'FailedRequest';

  constructor(
    readonly coded: TidemarkError,
    readonly facts: FailureFacts,
  ) {
    super(coded.message);
  }
}

/** Where a request went, and whether an archive was being written or read there. */
export interface Target {
  readonly display: string;
  readonly doing: 'WRITING' | 'READING';
}

/** Of an answer that is no success. */
export function statusFailure(
  target: Target,
  status: number,
  header: (name: string) => string | undefined,
): FailedRequest {
  const facts = {
    status,
    worthwhile: isWorthwhile(status),
    mayHaveArrived: status === 408 || (status >= 500 && status !== 501 && status !== 505),
    retryAfterMillis: retryAfterMillis(header('retry-after')),
  };
  return new FailedRequest(codedStatus(target, status), facts);
}

function isWorthwhile(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && ![501, 505, 507].includes(status));
}

function codedStatus({ display, doing }: Target, status: number): TidemarkError {
  const details = { status };
  if (doing === 'READING' && (status === 404 || status === 410)) return new ArchiveNotFoundError(display);
  if (status === 507) return new DestinationFullError(display);
  if (status === 408 || status === 504) return new DestinationTimeoutError(display, `it answered ${status}`, details);
  if (isWorthwhile(status)) return new DestinationUnreachableError(display, `it answered ${status}`, { details });
  return new DestinationRefusedError(display, reasonOf(status), { details });
}

function reasonOf(status: number): string {
  if (status >= 300 && status < 400) return `it answered ${status}, a redirect, which is not followed`;
  if (status === 413) return 'it answered 413, a request is too large for it; smaller chunks may help';
  return `it answered ${status}`;
}

const NOT_REACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL']);
const CERTIFICATE = /^(CERT_|ERR_TLS_CERT_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY|DECRYPT))/;

/** Of a connection that could not be made or broke. Only the error's code is told: its text may hold the URL. */
function socketFailure(target: Target, error: unknown): FailedRequest {
  const cause = causeOf(error);
  if (cause instanceof TidemarkError) return new FailedRequest(cause, { worthwhile: false, mayHaveArrived: false });
  const code = textOf(cause, 'code') ?? 'unknown error';
  if (CERTIFICATE.test(code)) {
    const refused = new DestinationRefusedError(target.display, `its certificate is not accepted (${code})`, {
      details: { errno: code },
    });
    return new FailedRequest(refused, { worthwhile: false, mayHaveArrived: false });
  }
  const reached = !NOT_REACHED.has(code) && textOf(cause, 'syscall') !== 'connect';
  const reason = `${reached ? 'the connection broke' : 'no connection'} (${code})`;
  const coded = new DestinationUnreachableError(target.display, reason, { details: { errno: code } });
  return new FailedRequest(coded, { worthwhile: true, mayHaveArrived: reached });
}

/** Of whatever a request threw; `complaint` is set where it was ended for taking too long. */
export function failureOf(target: Target, error: unknown, complaint?: string): FailedRequest {
  if (error instanceof FailedRequest) return error;
  const inTime = textOf(causeOf(error), 'code') !== NOT_CONNECTED_IN_TIME;
  if (complaint === undefined && inTime) return socketFailure(target, error);
  const coded = new DestinationTimeoutError(target.display, complaint ?? 'no connection');
  return new FailedRequest(coded, { worthwhile: true, mayHaveArrived: inTime });
}

/** axios wraps the errors of sockets and holds the request, with its secrets, in them. */
function causeOf(error: unknown): unknown {
  const isWrapped = typeof error === 'object' && error !== null && 'isAxiosError' in error && 'cause' in error;
  return isWrapped ? (error.cause ?? error) : error;
}

function textOf(error: unknown, name: string): string | undefined {
  const value = typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
