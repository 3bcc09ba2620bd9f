import { TidemarkError } from '@tidemark/contracts';

/** Not a zip, or a zip of something else. */
export class ArchiveForeignError extends TidemarkError {
  readonly code = 'ARCHIVE_FOREIGN';
  constructor(what: string) {
    super(`this is not an archive of Tidemark: ${what}`);
  }
}

/** The archive breaks a rule of its format: `entry` says where (an entry's name or a structure of the zip), `what` how. */
export class ArchiveDamagedError extends TidemarkError {
  readonly code = 'ARCHIVE_DAMAGED';
  constructor(
    readonly entry: string,
    readonly what: string,
    cause?: unknown,
  ) {
    super(`the archive is damaged: ${entry}: ${what}`, { details: { entry, what }, cause });
  }
}

/** It begins as an archive and has no end. */
export class ArchiveTruncatedError extends TidemarkError {
  readonly code = 'ARCHIVE_TRUNCATED';
  constructor(what: string) {
    super(`the archive is cut off: ${what}`);
  }
}

export class ArchiveVersionUnknownError extends TidemarkError {
  readonly code = 'ARCHIVE_VERSION_UNKNOWN';
  constructor(
    readonly found: number,
    readonly known: number,
  ) {
    super(
      `the archive is of format version ${found}, and this product reads version ${known}: restore it with the product that wrote it or a newer one`,
      { details: { found, known } },
    );
  }
}

export class BoundaryBeforeHistoryError extends TidemarkError {
  readonly code = 'BOUNDARY_BEFORE_HISTORY';
  constructor(
    readonly boundaryMicros: number,
    readonly earliestUpdateTimeMicros: number,
  ) {
    super(
      `the boundary ${boundaryMicros} is before the archive's first version (${earliestUpdateTimeMicros}): nothing would be left`,
      { details: { boundaryMicros, earliestUpdateTimeMicros } },
    );
  }
}

/** What was to be written would be over a limit of the format, so that no reader would take it. */
export class ArchiveTooLargeError extends TidemarkError {
  readonly code = 'TOO_LARGE';
  constructor(what: string, limit: number) {
    super(`the archive cannot be written: ${what}; the limit is ${limit}`, { details: { limit } });
  }
}

/** What was given to be archived breaks a rule of the format: a defect of whoever gave it, found before it is stored. */
export class ContentUnfitError extends TidemarkError {
  readonly code = 'INTERNAL';
  constructor(readonly what: string) {
    super(`this cannot be archived: ${what}`, { details: { what } });
  }
}
