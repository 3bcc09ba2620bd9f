import { TidemarkError } from '@tidemark/contracts';

export class RequestMalformedError extends TidemarkError {
  readonly code = 'REQUEST_MALFORMED';
  constructor(reason: string, cause?: unknown) {
    super(`the request is malformed: ${reason}`, { cause });
  }
}

export class RequestTimeoutError extends TidemarkError {
  readonly code = 'REQUEST_TIMEOUT';
  constructor(what: string, limitMillis: number) {
    super(`${what} did not arrive within ${limitMillis / 1000} s`, { details: { limitMillis } });
  }
}

export class UnauthenticatedError extends TidemarkError {
  readonly code = 'UNAUTHENTICATED';
  constructor(reason: string, setting = 'TIDEMARK_API_TOKENS') {
    super(`${reason}; send one of ${setting} as Authorization: Bearer <token>`);
  }
}

export class TooManyRequestsError extends TidemarkError {
  readonly code = 'TOO_MANY_REQUESTS';
  constructor(
    why: string,
    readonly retryAfterSeconds: number,
  ) {
    super(`${why}; try again in ${retryAfterSeconds} s`, { details: { retryAfterSeconds } });
  }
}

export class HostUnknownError extends TidemarkError {
  readonly code = 'HOST_UNKNOWN';
  constructor(host: string) {
    super(`the host ${JSON.stringify(host)} is not served here; TIDEMARK_HOSTS lists the names that are`);
  }
}

export class OriginForeignError extends TidemarkError {
  readonly code = 'ORIGIN_FOREIGN';
  constructor(origin: string) {
    super(`calls from pages of ${JSON.stringify(origin)} are not accepted`);
  }
}

/** No byte of what was asked for is there; the answer says how many there are. */
export class RangeUnsatisfiableError extends TidemarkError {
  readonly code = 'RANGE_UNSATISFIABLE';
  constructor(readonly totalBytes: number) {
    super(`nothing of that range is there, of ${totalBytes} bytes`, { details: { totalBytes } });
  }
}
