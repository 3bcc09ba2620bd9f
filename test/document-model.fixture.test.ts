import fc from 'fast-check';

import type { StoredVersion } from '@tidemark/testing';

/** Support for property tests (no test itself: its name has no tier). Documents by their tokens, as the API must keep them. */

/** What is no object is JSON text as it goes over the wire. */
export type Json = string | Members;
export type Members = readonly (readonly [name: string, value: Json])[];

/** What a write brings; a built-in field that is undefined is not sent. */
export interface Content {
  readonly members: Members;
  /** Characters of one more member: enough of them make an archive of several parts. */
  readonly fat: number;
  readonly kind: string | null | undefined;
  readonly expiration: number | null | undefined;
}

/** The fields of a content that stay with the document. */
export interface Fields {
  readonly members: Members;
  readonly kind: string | null;
  readonly expiration: number | null;
}

export function jsonText(value: Json): string {
  if (typeof value === 'string') return value;
  return `{${value.map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`).join(',')}}`;
}

export function membersOf({ members, fat }: Content): Members {
  return fat === 0 ? members : [...members, ['fat', `"${'fat '.repeat(fat / 4)}"`]];
}

/** The body of a request: what the index sets itself comes first, with values that it must ignore. */
export function requestText(content: Content, fields: Members = []): string {
  const { kind, expiration } = content;
  return jsonText([
    ['documentVersion', '77'],
    ['documentUpdateTimeMicros', '1'],
    ...(kind === undefined ? [] : [['documentKind', JSON.stringify(kind)] as const]),
    ...(expiration === undefined ? [] : [['documentExpirationTimeMicros', JSON.stringify(expiration)] as const]),
    ...membersOf(content),
    ...fields,
  ]);
}

export function replaced(content: Content): Fields {
  return { members: membersOf(content), kind: content.kind ?? null, expiration: content.expiration ?? null };
}

export function patched(before: Fields, patch: Content): Fields {
  return {
    members: merged(before.members, membersOf(patch)),
    kind: patch.kind === undefined ? before.kind : patch.kind,
    expiration: patch.expiration === undefined ? before.expiration : patch.expiration,
  };
}

/** RFC 7396. */
function merged(target: Json | undefined, patch: Members): Members {
  const members = new Map(typeof target === 'object' ? target : []);
  for (const [name, value] of patch) {
    if (value === 'null') members.delete(name);
    else members.set(name, typeof value === 'string' ? value : merged(members.get(name), value));
  }
  return [...members];
}

/** The text that readers get of a version. */
export function textOf({ link, version, stamp, action, kind, expiration, body }: StoredVersion): string {
  const own = body === '{}' ? '{' : `${body.slice(0, -1)},`;
  const ending = expiration === null ? '' : `,"documentExpirationTimeMicros":${expiration}`;
  return (
    `${own}"documentVersion":${version},${kind === null ? '' : `"documentKind":${JSON.stringify(kind)},`}` +
    `"documentSelfLink":"${link}","documentUpdateTimeMicros":${stamp},"documentUpdateAction":"${action}"${ending}}`
  );
}

const TOKENS = [
  '0',
  '-0',
  '0.10',
  '1e400',
  '12345678901234567890',
  'null',
  'true',
  '""',
  '"🦭\\ud83e\\uddad \\ud800"',
  '"\\u0000 a\\tb\\\\N\\\\.\\r\\n"',
  '"\\\\.\u2028\u007f"',
  '[1,{"a":null,"a ":[]}]',
];
const NAMES = ['', 'n', 'in', 'a b', '__proto__', 'ключ', 'documentSelf', '\\N', '\n\t'];

const membersOver = (value: fc.Arbitrary<Json>): fc.Arbitrary<Members> =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 4, selector: ([name]) => name });
const token = fc.constantFrom(...TOKENS);
const inner = membersOver(fc.oneof(token, membersOver(token)));

export const content: fc.Arbitrary<Content> = fc.record({
  members: membersOver(fc.oneof({ arbitrary: token, weight: 3 }, inner)),
  fat: fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.constantFrom(4_000, 40_000, 80_000)),
  kind: fc.constantFrom(undefined, undefined, null, '', 'com:x', '\t\\N "ä"'),
  expiration: fc.constantFrom(undefined, undefined, null, 0, Number.MAX_SAFE_INTEGER),
});
