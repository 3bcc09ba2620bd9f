import { TidemarkError } from './tidemark-error.js';

export class DatabaseUnavailableError extends TidemarkError {
  readonly code = 'DATABASE_UNAVAILABLE';

  constructor(cause: unknown) {
    super('the database cannot be reached or is shutting down', { cause });
  }
}

export class DatabaseFullError extends TidemarkError {
  readonly code = 'DATABASE_FULL';

  constructor(cause: unknown) {
    super('the database has no room left', { cause });
  }
}

const SOCKET_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
  'EHOSTUNREACH',
  'ENOTFOUND',
]);
/** What the driver says, without a code, of a connection that is gone. */
const LOST = /^Connection terminated|timeout exceeded when trying to connect|^Query read timeout|and is not queryable$/;
/** SQLSTATE classes 08 (connection), 57P (shutdown), 25P03 (ended for a pause too long), 53300 (too many connections). */
const UNAVAILABLE = /^(08|57P|25P03|53300)/;
const FULL = '53100';

/** The coded error behind a driver's error, by SQLSTATE or socket code; undefined where it is neither lost nor full. */
export function databaseErrorOf(error: unknown): TidemarkError | undefined {
  const { code, message } = shapeOf(error);
  if (code === FULL) return new DatabaseFullError(error);
  const lost = UNAVAILABLE.test(code) || SOCKET_ERRORS.has(code) || LOST.test(message);
  return lost ? new DatabaseUnavailableError(error) : undefined;
}

/** By shape, not by class: an error of another realm is no `Error` of this one. */
function shapeOf(error: unknown): { code: string; message: string } {
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : '' };
}
