import { TidemarkError } from '@tidemark/contracts';
import { isDiskFull } from '@tidemark/platform';

export class DepotFullError extends TidemarkError {
  readonly code = 'DESTINATION_FULL';
  constructor(options: { wantedBytes?: number; freeBytes?: number; cause?: unknown } = {}) {
    const { cause, ...details } = options;
    super('the depot has no room left', { details, ...(cause === undefined ? {} : { cause }) });
  }
}

/** What was received of an upload cannot be of one archive. The sender may begin again. */
export class UploadConflictError extends TidemarkError {
  readonly code = 'UPLOAD_CONFLICT';
  constructor(why: string) {
    super(`${why}; send the archive again from its beginning`);
  }
}

/** The sender is an attempt of a job that another one has taken over from, or that has given the upload up. */
export class UploadFencedError extends TidemarkError {
  readonly code = 'UPLOAD_CONFLICT';
  constructor(name: string) {
    super(`archive ${name} is no longer this attempt's to send`);
  }
}

export class PreconditionError extends TidemarkError {
  readonly code = 'VERSION_MISMATCH';
  constructor(header: string, current: string | undefined) {
    super(`${header} does not hold: ${current === undefined ? 'there is no such archive' : 'the archive is another'}`, {
      details: { current: current ?? null },
    });
  }
}

export class TooManyUploadsError extends TidemarkError {
  readonly code = 'TOO_MANY_REQUESTS';
  constructor(what: string, limit: number) {
    super(`there are ${limit} ${what} already; complete or delete some first`, { details: { limit } });
  }
}

/** Runs what writes; a file system that is full comes out as DESTINATION_FULL. */
export async function withRoom<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isDiskFull(error) ? new DepotFullError({ cause: error }) : error;
  }
}
