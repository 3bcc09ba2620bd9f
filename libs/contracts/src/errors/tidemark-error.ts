import type { ErrorCode } from './error-table.js';

/** Facts of an error that a caller may read, JSON values only. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Base of every error that a caller may see. One class per code; whatever is not one of them is INTERNAL. */
export abstract class TidemarkError extends Error {
  abstract readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details;
  }
}
