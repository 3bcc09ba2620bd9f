import type { FileLocation } from './parsed-destination.js';
import { checkLookalikes, checkNames, checkPath, decode, invalid } from './raw-text.js';

/** PATH_MAX of Linux without its closing zero byte. */
const MAX_PATH_BYTES = 4095;

/** `rest` is what follows `file:`. Two forms are known: `file:/path` and `file:///path`. */
export function parseFileUri(raw: string, rest: string): FileLocation {
  if (rest.includes('?')) invalid('a file: URI has no query; a ? in a name is written %3F');
  const path = pathOf(rest);
  if (path === '') invalid('its path is empty');
  if (!path.startsWith('/')) invalid('its path is relative; it must start with /');
  checkPath(path);
  const decoded = decode(path);
  checkLookalikes(decoded);
  checkNames(decoded, MAX_PATH_BYTES);
  return { scheme: 'file', path: decoded, display: raw };
}

/** The `file:` URI of an absolute path. */
export function toFileUri(path: string): string {
  return `file:${path.split('/').map(encodeURIComponent).join('/')}`;
}

function pathOf(rest: string): string {
  if (!rest.startsWith('//')) return rest;
  const path = rest.slice(2);
  if (path !== '' && !path.startsWith('/')) {
    invalid('a file: URI has no host, not even localhost; write file:/path or file:///path');
  }
  return path;
}
