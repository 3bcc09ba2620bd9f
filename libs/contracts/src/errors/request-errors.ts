import { TidemarkError } from './tidemark-error.js';

export class BodyEmptyError extends TidemarkError {
  readonly code = 'BODY_EMPTY';
  constructor() {
    super('empty body');
  }
}

export class BodyUnparseableError extends TidemarkError {
  readonly code = 'BODY_UNPARSEABLE';
  constructor(readonly reason: string) {
    super(`Unparseable JSON body: ${reason}`);
  }
}

export class KindRequiredError extends TidemarkError {
  readonly code = 'KIND_REQUIRED';
  constructor() {
    super('kind is required');
  }
}

export class KindUnknownError extends TidemarkError {
  readonly code = 'KIND_UNKNOWN';
  constructor() {
    super('unknown request');
  }
}

export class DestinationRequiredError extends TidemarkError {
  readonly code = 'DESTINATION_REQUIRED';
  constructor(operation: 'BACKUP' | 'RESTORE') {
    super(operation === 'BACKUP' ? 'backup destination must be specified.' : 'destination is required.');
  }
}

export class DestinationInvalidError extends TidemarkError {
  readonly code = 'DESTINATION_INVALID';
  constructor(readonly reason: string) {
    super(`destination is not valid: ${reason}`);
  }
}

export class BackupTypeInvalidError extends TidemarkError {
  readonly code = 'BACKUP_TYPE_INVALID';
  constructor(reason: string) {
    super(`backupType is not valid: ${reason}`);
  }
}

export class BoundaryInvalidError extends TidemarkError {
  readonly code = 'BOUNDARY_INVALID';
  constructor() {
    super('timeSnapshotBoundaryMicros must be a whole number of microseconds from 1 to 9007199254740991');
  }
}

export class IndexUnknownError extends TidemarkError {
  readonly code = 'INDEX_UNKNOWN';
  constructor(link: string) {
    super(`there is no index ${JSON.stringify(link)}; the index here is /core/document-index`);
  }
}

export class ParameterInvalidError extends TidemarkError {
  readonly code = 'PARAMETER_INVALID';
  constructor(parameter: string, reason: string) {
    super(`${parameter} ${reason}`, { details: { parameter } });
  }
}

export class NotFoundError extends TidemarkError {
  readonly code = 'NOT_FOUND';
  constructor(what: string) {
    super(`${what} not found`);
  }
}

export class MethodNotAllowedError extends TidemarkError {
  readonly code = 'METHOD_NOT_ALLOWED';
  constructor(
    method: string,
    readonly allowed: readonly string[],
  ) {
    super(`Action not supported: ${method}`, { details: { allowed } });
  }
}

export class TooLargeError extends TidemarkError {
  readonly code = 'TOO_LARGE';
  constructor(what: string, limitBytes: number) {
    super(`${what} is over its limit of ${limitBytes} bytes`, { details: { limitBytes } });
  }
}

export class ContentTypeError extends TidemarkError {
  readonly code = 'CONTENT_TYPE';
  constructor(got: string | undefined, wanted: string) {
    super(`Unrecognized Content-Type for parsing request body: ${got ?? 'none'}; send ${wanted}`);
  }
}

export class NotImplementedError extends TidemarkError {
  readonly code = 'NOT_IMPLEMENTED';
  constructor(what: string) {
    super(`${what} is not implemented`);
  }
}
