import { Buffer } from 'node:buffer';

import fc from 'fast-check';

import type { PartFacts } from '@tidemark/contracts';

import { sha256Of } from '../format/sha256.js';
import { encodePart } from '../part/encode-part.js';
import type { PackedPart } from '../write/write-archive.js';
import { bytesOf, readableOf } from './streams.test.js';

/** Support for the tests beside it (no test itself). Rows, and parts of them. */

export interface Row {
  readonly link: string;
  readonly version: number;
  readonly stamp: number;
  readonly action: string;
  readonly kind: string | null;
  readonly expiration: number | null;
  readonly body: string;
}

export function row(fields: Partial<Row> = {}): Row {
  return { link: '/a', version: 0, stamp: 1, action: 'PUT', kind: null, expiration: null, body: '{}', ...fields };
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A line as `COPY … TO STDOUT` writes it. */
export function lineOf({ link, version, stamp, action, kind, expiration, body }: Row): string {
  const columns = [link, version, stamp, action, kind, expiration, body].map((value) =>
    value === null ? '\\N' : String(value).replace(/[\\\t\n\r]/g, (char) => ESCAPES[char]!),
  );
  return `${columns.join('\t')}\n`;
}

export function copyText(rows: readonly Row[]): Buffer {
  return Buffer.from(rows.map(lineOf).join(''));
}

export function factsOfRows(rows: readonly Row[], content: Buffer): PartFacts {
  const stamps = rows.map(({ stamp }) => stamp);
  return {
    rows: rows.length,
    bytes: content.length,
    rawBytes: copyText(rows).length,
    sha256: sha256Of(content),
    minUpdateTimeMicros: rows.length === 0 ? 0 : Math.min(...stamps),
    maxUpdateTimeMicros: rows.length === 0 ? 0 : Math.max(...stamps),
  };
}

export async function packed(rows: readonly Row[]): Promise<PackedPart & { content: Buffer }> {
  const part = encodePart(readableOf(copyText(rows)), { maxRawBytes: 64 * 1024 * 1024 });
  const content = await bytesOf(part.content);
  return { facts: (await part.outcome).facts, content };
}

const text = fc.string({ unit: 'binary', maxLength: 20 }).map((value) => value.replaceAll('\u0000', ''));

/** Any row that the index can hold, and then some: every character, numbers up to 2^53-1. */
export const anyRow: fc.Arbitrary<Row> = fc.record({
  link: fc.stringMatching(/^[A-Za-z0-9\-._~:@!$'()+,;=]{1,12}$/).map((segment) => `/${segment}`),
  version: fc.maxSafeNat(),
  stamp: fc.maxSafeNat(),
  action: fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE'),
  kind: fc.option(text),
  expiration: fc.option(fc.maxSafeInteger()),
  body: fc.dictionary(text, fc.oneof(text, fc.double(), fc.boolean())).map((value) => JSON.stringify(value)),
});
