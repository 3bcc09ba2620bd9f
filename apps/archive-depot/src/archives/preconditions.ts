import type { IncomingHttpHeaders } from 'node:http';

import { PreconditionError } from '../errors.js';

/** Throws VERSION_MISMATCH where the archive that is there now, undefined for none, is not what the caller expects. */
export type Precondition = (etag: string | undefined) => void;

/** If-Match and If-None-Match of a call that changes something. */
export function preconditionOf(headers: IncomingHttpHeaders): Precondition {
  const { 'if-match': wanted, 'if-none-match': unwanted } = headers;
  return (etag) => {
    if (wanted !== undefined && !matches(wanted, etag)) throw new PreconditionError('If-Match', etag);
    if (unwanted !== undefined && matches(unwanted, etag)) throw new PreconditionError('If-None-Match', etag);
  };
}

/** Whether a list of entity tags, or `*`, has this one. All of ours are strong. */
export function matches(list: string, etag: string | undefined): boolean {
  if (etag === undefined) return false;
  return list.trim() === '*' || list.split(',').some((each) => each.trim() === etag);
}

/** For GET, where a weak tag of the same text will do as well. */
export function matchesWeakly(list: string, etag: string): boolean {
  return list.trim() === '*' || list.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}
