import { DestinationInvalidError } from '@tidemark/contracts';

import { looksLikeProbe, looksLikeTempName, MAX_NAME_BYTES } from '../temp-name.js';

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}]/u;
/** A banned character in percent form, also where the percent sign itself is encoded any number of times. */
const BANNED_ESCAPE = /%(?:25)*(2f|2e|5c|00)/i;
const BANNED = new Map([
  ['2f', 'slash'],
  ['2e', 'dot'],
  ['5c', 'backslash'],
  ['00', 'zero byte'],
]);
/** `..;x` and `.. ` are a parent folder to some servers, so a semicolon, what follows it and white space do not count. */
const DOTS = /^\.\.?(\s|%(?:25)*20)*(;|%(?:25)*3b|$)/i;

export function invalid(reason: string): never {
  throw new DestinationInvalidError(reason);
}

/** What no destination may contain, whatever its scheme. */
export function checkCharacters(raw: string, maxBytes: number): void {
  if (raw === '') invalid('it is empty');
  if (Buffer.byteLength(raw) > maxBytes) invalid(`it is longer than ${maxBytes} bytes`);
  if (!raw.isWellFormed()) invalid('it is not valid Unicode');
  if (UNPRINTABLE.test(raw)) invalid('it has a control character or a line break');
  if (raw !== raw.trim()) invalid('it begins or ends with white space');
  if (raw.includes('\\')) invalid('it has a backslash; folders are separated by /');
  if (raw.includes('#')) invalid('it has a fragment (#); a # in a name is written %23');
}

/** Decodes percent sequences, once. */
export function decode(text: string): string {
  if (/%(?![0-9a-f]{2})/i.test(text))
    invalid('a % is not followed by two hexadecimal digits; a % itself is written %25');
  const decoded = decodeUtf8(text);
  if (UNPRINTABLE.test(decoded)) invalid('it has an encoded control character or line break');
  return decoded;
}

/** Throws for a decoded path in which a reader that simplifies characters would see other folders. */
export function checkLookalikes(path: string): void {
  const simple = path.normalize('NFKC');
  if (simple === path) return;
  const names = simple.split('/');
  const differs = names.length !== path.split('/').length || simple.includes('\\');
  if (differs || BANNED_ESCAPE.test(simple) || names.some((name) => DOTS.test(name))) {
    invalid('it has a character that some readers take for a slash, a backslash, a dot or a %');
  }
}

/** An absolute path as it was written, before decoding: names a file, and means the same to whoever reads it. */
export function checkPath(path: string): void {
  const escape = BANNED_ESCAPE.exec(path);
  if (escape) invalid(`it has an encoded ${BANNED.get(escape[1]?.toLowerCase() ?? '')} (${escape[0]})`);
  const segments = path.slice(1).split('/');
  if (segments.at(-1) === '') invalid('its path ends in /; it must name a file');
  for (const segment of segments) {
    if (segment === '') invalid('its path has an empty segment (//)');
    if (DOTS.test(segment)) invalid('its path has a . or .. segment');
  }
}

/** Names that the file system, or this product, cannot give to an archive or its folders. */
export function checkNames(path: string, maxBytes: number): void {
  if (Buffer.byteLength(path) > maxBytes) invalid(`its path is longer than ${maxBytes} bytes`);
  const names = path.slice(1).split('/');
  if (names.some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES)) {
    invalid(`a name in its path is longer than ${MAX_NAME_BYTES} bytes`);
  }
  const name = names.at(-1) ?? '';
  if (looksLikeTempName(name)) invalid('it has the name of an archive that is being written');
  if (looksLikeProbe(name)) invalid('it has the name of a file that folders for archives are tried with');
}

function decodeUtf8(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) invalid('its percent sequences are not valid UTF-8');
    throw error;
  }
}
