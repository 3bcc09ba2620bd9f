import { MAX_WAIT_SECONDS } from '../config.js';

/** What a caller prefers (RFC 7240), as far as it means something here. */
export interface Preferences {
  /** Seconds, at most {@link MAX_WAIT_SECONDS}; undefined where the caller leaves it to the server. */
  readonly waitSeconds: number | undefined;
  /** For the header `Preference-Applied`; undefined where nothing was asked for that is applied. */
  readonly applied: string | undefined;
}

/** Pieces between commas; a comma in quotes is none. */
const PIECES = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
/** A piece up to its parameters. */
const PREFERENCE =
  /^\s*(?<name>[^\s=;"]+)\s*(?:=\s*(?:(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<word>[^\s;"]+))\s*)?)?(?:;|$)/;

/**
 * Reads `Prefer`. As the RFC wants it, the first of several with one name counts, and what is not known or not
 * understood is left out of account. `respond-async` alone asks for the answer at once.
 */
export function parsePreferences(header: string | readonly string[] | undefined): Preferences {
  const given = namedValues([header ?? []].flat().join(','));
  const wait = given.get('wait');
  const seconds =
    wait !== undefined && /^[0-9]{1,9}$/.test(wait) ? Math.min(Number(wait), MAX_WAIT_SECONDS) : undefined;
  const isAsync = given.has('respond-async');
  const applied = [...(isAsync ? ['respond-async'] : []), ...(seconds === undefined ? [] : [`wait=${seconds}`])];
  return {
    waitSeconds: seconds ?? (isAsync ? 0 : undefined),
    applied: applied.length > 0 ? applied.join(', ') : undefined,
  };
}

function namedValues(header: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const piece of header.match(PIECES) ?? []) {
    const { name, quoted, word } = PREFERENCE.exec(piece)?.groups ?? {};
    const key = name?.toLowerCase();
    if (key !== undefined && !values.has(key)) values.set(key, quoted?.replace(/\\(.)/g, '$1') ?? word ?? '');
  }
  return values;
}
