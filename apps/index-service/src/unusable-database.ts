import { ConfigError } from '@tidemark/platform';

/** Of a server that is not there, and SQLSTATEs of one that has no such database or does not let this service in. */
const UNUSABLE = /^(E[A-Z]+|08|28|3D|42501|53|57P)/;

/** What a start says whose database cannot be used as it is; any other error is a defect and comes back as it is. */
export function startErrorOf(error: unknown): unknown {
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  if (typeof code !== 'string' || !UNUSABLE.test(code)) return error;
  const reason = typeof message === 'string' && message !== '' ? message : code;
  return new ConfigError(`DATABASE_URL: the database cannot be used: ${reason}`, { cause: error });
}
