import type { UpdateAction } from '@tidemark/contracts';

import { scanDocument } from './document-bytes.js';
import { compactJson, type Member } from './scan-json.js';

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

/** Reads a document or a merge patch from its bytes. Throws DOCUMENT_INVALID or TOO_LARGE. */
export function parseDocument(bytes: Uint8Array): ParsedDocument {
  const document = scanDocument(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const { kind, expirationTimeMicros, selfLink, updateAction } = document;
  return { body: document.body, kind, expirationTimeMicros, selfLink, updateAction };
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
