import { ConfigError } from '@tidemark/platform';

import { isWithin } from '../is-within.js';

/** What a URL must begin with: the same scheme, host and port, and whole segments of the path. */
export interface HttpPrefix {
  readonly origin: string;
  /** Without a closing slash; `/` allows the whole host. */
  readonly path: string;
  readonly display: string;
}

/** A URL parser would smooth some of it, and what is allowed would not be what was written. */
const UNCLEAR = /[?#@\\\s\p{Cc}]|\/\.\.?(\/|$)|%(25)*(2f|2e|5c|00)/iu;

/** Throws ConfigError for an entry that is not the beginning of an http or https URL; never shows an entry's text. */
export function parseHttpPrefixes(entries: readonly string[]): readonly HttpPrefix[] {
  return entries.map((entry, index) => {
    const url = URL.parse(entry);
    if (!url || !/^https?:$/.test(url.protocol) || UNCLEAR.test(entry)) {
      throw new ConfigError(
        `TIDEMARK_HTTP_ALLOW: entry ${index + 1} must be a URL prefix such as https://host/folder, without user, query, fragment and . or .. segments`,
      );
    }
    const path = withoutClosingSlashes(url.pathname);
    return { origin: url.origin, path, display: `${url.origin}${path}` };
  });
}

function withoutClosingSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

export function startsWithPrefix(url: URL, prefix: HttpPrefix): boolean {
  return url.origin === prefix.origin && isWithin(prefix.path, url.pathname);
}
