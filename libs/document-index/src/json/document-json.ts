import type { UpdateAction } from '@tidemark/contracts';
import { BUILT_IN_FIELDS, MAX_DOCUMENT_BYTES, TooLargeError } from '@tidemark/contracts';

import { DocumentInvalidError } from '../errors.js';
import { compactJson, JsonSyntaxError, scanObject, type Member } from './scan-json.js';

/** A document as a client sent it: its own fields apart from those that the index keeps in columns. */
export interface ParsedDocument {
  /** Compact JSON object text of the client's own fields, every token as written. */
  readonly body: string;
  /** Undefined where the client sent none, null where it sent null. */
  readonly kind: string | null | undefined;
  readonly expirationTimeMicros: number | null | undefined;
  readonly selfLink: string | undefined;
  readonly updateAction: string | undefined;
}

/** One stored version; what a client sees is made from it by {@link documentText}. */
export interface DocumentVersion {
  readonly link: string;
  readonly version: number;
  readonly updateTimeMicros: number;
  readonly updateAction: UpdateAction;
  readonly kind: string | null;
  readonly expirationTimeMicros: number | null;
  readonly body: string;
}

const BUILT_IN: ReadonlySet<string> = new Set(BUILT_IN_FIELDS);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a document or a merge patch from its bytes. Throws DOCUMENT_INVALID or TOO_LARGE. */
export function parseDocument(bytes: Uint8Array): ParsedDocument {
  if (bytes.byteLength > MAX_DOCUMENT_BYTES) throw new TooLargeError('the document', MAX_DOCUMENT_BYTES);
  const members = membersOf(bytes);
  const builtIn = new Map(members.filter(({ name }) => BUILT_IN.has(name)).map(({ name, value }) => [name, value]));
  return {
    body: objectText(members.filter(({ name }) => !BUILT_IN.has(name))),
    kind: stringOrNull(builtIn, 'documentKind'),
    expirationTimeMicros: microsOrNull(builtIn, 'documentExpirationTimeMicros'),
    selfLink: stringOrNull(builtIn, 'documentSelfLink') ?? undefined,
    updateAction: stringOrNull(builtIn, 'documentUpdateAction') ?? undefined,
  };
}

/** The JSON text of a version as its readers get it: its own fields, then the built-in ones. */
export function documentText(version: DocumentVersion): string {
  const own = version.body.slice(1, -1);
  const kind = version.kind === null ? '' : `"documentKind":${JSON.stringify(version.kind)},`;
  const expiration =
    version.expirationTimeMicros === null ? '' : `,"documentExpirationTimeMicros":${version.expirationTimeMicros}`;
  return (
    `{${own}${own === '' ? '' : ','}"documentVersion":${version.version},${kind}` +
    `"documentSelfLink":${JSON.stringify(version.link)},"documentUpdateTimeMicros":${version.updateTimeMicros},` +
    `"documentUpdateAction":"${version.updateAction}"${expiration}}`
  );
}

/** The object text of members, in their order, without blanks. */
export function objectText(members: readonly Pick<Member, 'key' | 'value'>[]): string {
  return `{${members.map(({ key, value }) => `${key}:${compactJson(value)}`).join(',')}}`;
}

function membersOf(bytes: Uint8Array): Member[] {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new DocumentInvalidError('it is not UTF-8');
  }
  try {
    return scanObject(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new DocumentInvalidError(error.message);
    throw error;
  }
}

type Values = ReadonlyMap<string, string>;

function stringOrNull(values: Values, name: string): string | null | undefined {
  const value = parsed(values, name);
  if (value === undefined || value === null) return value;
  if (typeof value !== 'string') throw new DocumentInvalidError(`${name} must be a string`);
  if (!value.isWellFormed() || value.includes('\0')) {
    throw new DocumentInvalidError(`${name} must be text without NUL and lone surrogates`);
  }
  return value;
}

function microsOrNull(values: Values, name: string): number | null | undefined {
  const value = parsed(values, name);
  if (value === undefined || value === null) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new DocumentInvalidError(`${name} must be a whole number of microseconds from 0 to 9007199254740991`);
}

function parsed(values: Values, name: string): unknown {
  const value = values.get(name);
  return value === undefined ? undefined : (JSON.parse(value) as unknown);
}
