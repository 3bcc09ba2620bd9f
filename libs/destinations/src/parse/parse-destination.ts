import { parseFileUri } from './file-uri.js';
import { parseHttpUrl } from './http-url.js';
import type { ParsedDestination } from './parsed-destination.js';
import { checkCharacters, invalid } from './raw-text.js';

/** Room for a signed URL; far over what a path can be. */
const MAX_BYTES = 8192;

/**
 * Reads the `destination` of a request. Judges the string as it was written, before a URL parser could smooth it.
 * Throws DESTINATION_INVALID, and says what is wrong, for anything that two readers could understand differently.
 */
export function parseDestination(raw: string): ParsedDestination {
  checkCharacters(raw, MAX_BYTES);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(raw)?.[1];
  if (scheme === undefined) return invalid('it has no scheme; a path is written like file:/var/backup/archive.zip');
  const rest = raw.slice(scheme.length + 1);
  switch (scheme.toLowerCase()) {
    case 'file':
      return parseFileUri(raw, rest);
    case 'http':
      return parseHttpUrl('http', raw, rest);
    case 'https':
      return parseHttpUrl('https', raw, rest);
    default:
      return invalid(`the scheme ${JSON.stringify(scheme.slice(0, 20))} is not known; use file, http or https`);
  }
}
