import { TidemarkError, type ErrorDetails } from '@tidemark/contracts';

/** The setting that would have to list a destination for it to be allowed. */
export type AllowingSetting = 'TIDEMARK_FILE_ROOTS' | 'TIDEMARK_HTTP_ALLOW' | 'TIDEMARK_HTTP_ALLOW_PRIVATE';

export class DestinationNotAllowedError extends TidemarkError {
  readonly code = 'DESTINATION_NOT_ALLOWED';

  constructor(
    readonly setting: AllowingSetting,
    readonly allowed: readonly string[],
    why = 'it is outside of what this server allows',
  ) {
    super(`destination is not allowed: ${why}; ${setting} allows ${allowed.join(', ') || 'none'}`, {
      details: { setting, allowed },
    });
  }
}

/** The text is the one that was logged for the root at start. */
export class RootUnusableError extends TidemarkError {
  readonly code = 'ROOT_UNUSABLE';

  constructor(
    readonly root: string,
    complaint: string,
  ) {
    super(complaint, { details: { root } });
  }
}

export class DestinationFullError extends TidemarkError {
  readonly code = 'DESTINATION_FULL';

  constructor(
    readonly destination: string,
    cause?: unknown,
  ) {
    super(`${destination} has no room left`, { cause });
  }
}

/** The destination is there and says no; trying again does not help until somebody changes its permissions. */
export class DestinationRefusedError extends TidemarkError {
  readonly code = 'DESTINATION_REFUSED';

  constructor(destination: string, reason: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(`${destination} refused: ${reason}`, options);
  }
}

export class DestinationUnreachableError extends TidemarkError {
  readonly code = 'DESTINATION_UNREACHABLE';

  constructor(destination: string, reason: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(`${destination} cannot be reached: ${reason}`, options);
  }
}

export class DeliveryLostError extends TidemarkError {
  readonly code = 'DELIVERY_LOST';

  constructor(
    readonly destination: string,
    reason: string,
  ) {
    super(`the archive for ${destination} is lost: ${reason}`);
  }
}

export class ArchiveNotFoundError extends TidemarkError {
  readonly code = 'ARCHIVE_NOT_FOUND';

  constructor(readonly destination: string) {
    super(`there is no archive at ${destination}`);
  }
}

export class ArchiveChangedError extends TidemarkError {
  readonly code = 'ARCHIVE_CHANGED';

  constructor(readonly destination: string) {
    super(`the archive at ${destination} was changed while it was being read`);
  }
}

export class DestinationTimeoutError extends TidemarkError {
  readonly code = 'DESTINATION_TIMEOUT';

  constructor(destination: string, reason: string, details?: ErrorDetails) {
    super(`${destination} takes too long: ${reason}`, details ? { details } : {});
  }
}

/** The destination does not do with ranges of bytes what HTTP says. */
export class DestinationIgnoresRangesError extends TidemarkError {
  readonly code = 'DESTINATION_IGNORES_RANGES';

  constructor(destination: string, reason: string, details?: ErrorDetails) {
    super(`${destination} does not treat ranges as HTTP says: ${reason}`, details ? { details } : {});
  }
}

/** The folder for what is on its way to or from a destination. */
export class SpoolFullError extends TidemarkError {
  readonly code = 'SPOOL_FULL';

  constructor(cause?: unknown) {
    super('the spool has no room left; its folder is TIDEMARK_SPOOL, and of standalone in TIDEMARK_HOME', { cause });
  }
}
