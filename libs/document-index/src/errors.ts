import { TidemarkError } from '@tidemark/contracts';

export class DocumentInvalidError extends TidemarkError {
  readonly code = 'DOCUMENT_INVALID';
  constructor(readonly reason: string) {
    super(`the document is not valid: ${reason}`);
  }
}

/** A bad line of a bulk write. Every line before it is stored, none from it on. */
export class LineInvalidError extends TidemarkError {
  readonly code = 'LINE_INVALID';
  constructor(place: { line: number; stored: number }, reason: string) {
    super(`line ${place.line} is not valid: ${reason} (${place.stored} lines before it are stored)`, {
      details: place,
    });
  }
}

export class DocumentNotFoundError extends TidemarkError {
  readonly code = 'DOCUMENT_NOT_FOUND';
  constructor(link: string) {
    super(`Service not found: ${link}`);
  }
}

export class DocumentDeletedError extends TidemarkError {
  readonly code = 'DOCUMENT_DELETED';
  constructor(link: string) {
    super(`Service not found: ${link} (it was deleted)`);
  }
}

export class DocumentExistsError extends TidemarkError {
  readonly code = 'DOCUMENT_EXISTS';
  constructor(link: string) {
    super(`Service already started: ${link}`);
  }
}

export class VersionMismatchError extends TidemarkError {
  readonly code = 'VERSION_MISMATCH';
  constructor(link: string, current: string | null) {
    super(`${link} is not at the version that If-Match names`, { details: { current } });
  }
}

/** The generation that a page token belongs to has been dropped since. */
export class PageGoneError extends TidemarkError {
  readonly code = 'PAGE_GONE';
  constructor() {
    super('this page belongs to a generation of the index that is no longer there; start again at the first page');
  }
}

export class IndexUnavailableError extends TidemarkError {
  readonly code = 'INDEX_UNAVAILABLE';
  constructor(reason: string, cause?: unknown) {
    super(`the index cannot do it now: ${reason}`, cause === undefined ? {} : { cause });
  }
}

/** The switch could not get the index for itself within its bound; the staged generation is kept. */
export class SwitchBusyError extends TidemarkError {
  readonly code = 'SWITCH_BUSY';
  constructor(cause: unknown) {
    super('writers kept the index busy; the switch is tried again', { cause });
  }
}

export class ArchiveFromFutureError extends TidemarkError {
  readonly code = 'ARCHIVE_FROM_FUTURE';
  constructor(facts: { latestUpdateTimeMicros: number; databaseTimeMicros: number }) {
    super('the archive holds versions from more than 5 minutes after the database’s clock', { details: facts });
  }
}

/** What was loaded does not make a whole index: a fact that no single part shows. */
export class StagedRowsError extends TidemarkError {
  readonly code = 'ARCHIVE_DAMAGED';
  constructor(what: string, details: Readonly<Record<string, unknown>> = {}) {
    super(`the archive is damaged: ${what}`, { details: { entry: 'parts', what, ...details } });
  }
}

/** A snapshot or a staged generation is not there any more, or another attempt owns it: this attempt cannot go on. */
export class SessionGoneError extends TidemarkError {
  readonly code = 'INDEX_UNAVAILABLE';
  constructor(what: string, cause?: unknown) {
    super(`${what} is not there any more; another attempt starts anew`, cause === undefined ? {} : { cause });
  }
}
