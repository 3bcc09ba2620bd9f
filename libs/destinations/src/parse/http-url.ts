import { MASK } from '@tidemark/contracts';

import type { HttpLocation } from './parsed-destination.js';
import { checkLookalikes, checkPath, decode, invalid } from './raw-text.js';

const PARTS = /^\/\/(?<authority>[^/?]*)(?<path>(?:\/[^?]*)?)(?:\?(?<query>.*))?$/u;

/** `rest` is what follows the scheme's colon. */
export function parseHttpUrl(scheme: 'http' | 'https', raw: string, rest: string): HttpLocation {
  if (/\s/u.test(rest)) invalid('it has white space; in a URL a space is written %20');
  const parts = PARTS.exec(rest)?.groups;
  if (!parts) return invalid(`it must start with ${scheme}:// and a host`);
  const { authority = '', path = '', query } = parts;
  checkAuthority(authority);
  if (path === '') invalid('it has no path; it must name an archive');
  checkPath(path);
  const decoded = decode(path);
  checkLookalikes(decoded);
  // A signed query holds encoded slashes and dots, so of a query only the encoding itself is judged.
  if (query !== undefined) decode(query);
  const url = asUrl(raw);
  if (decode(url.pathname) !== decoded) invalid('its path does not mean the same to every reader');
  return { scheme, url, display: masked(raw) };
}

function checkAuthority(authority: string): void {
  if (authority === '' || authority.startsWith(':')) invalid('it has no host');
  if (authority.includes('@')) invalid('it has a user or password; a secret belongs into bearer');
  if (authority.includes('%')) invalid('its host has a percent sequence');
}

function asUrl(raw: string): URL {
  const url = URL.parse(raw);
  return url ?? invalid('its host or port is not valid');
}

/** The query's values replaced. Where no value follows a name, the name may be one: a token, padded with = or not. */
function masked(raw: string): string {
  const start = raw.indexOf('?') + 1;
  if (start === 0) return raw;
  const pairs = raw.slice(start).split('&');
  return raw.slice(0, start) + pairs.map(maskedPair).join('&');
}

function maskedPair(pair: string): string {
  if (pair === '') return pair;
  const name = /^[^=]*=(?=.*[^=])/.exec(pair)?.[0] ?? '';
  return name + MASK;
}
