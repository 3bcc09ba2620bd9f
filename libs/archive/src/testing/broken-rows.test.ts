import { crafted, HEADER, type Crafting } from './archives.test.js';
import { damaged, damagedPart, GOOD, withLines, type BrokenArchive } from './breaking.test.js';
import { lineOf, row, type Row } from './rows.test.js';

/**
 * Support for the tests beside it (no test itself). Rows that lie, in archives that are otherwise in order, to the last
 * checksum: only who looks at the rows can tell.
 */

const line = (fields: Partial<Row>): string => lineOf(row(fields));
/** In the place of the good line's columns, as they stand in COPY text. */
const columns = (...values: string[]): string => `${values.join('\t')}\n`;
const body = (text: string): string => columns('/a', '0', '1', 'PUT', '\\N', '\\N', text);
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

const inPart = (says: string, ...parts: (string | Buffer)[]): BrokenArchive => damagedPart(says, withLines(parts));
const inCopy = (...parts: (string | Buffer)[]): BrokenArchive => ({
  ...damaged('a row that no index can hold', withLines(parts)),
  refusedAt: 'LOADING',
});
const inAll = (says: string, parts: string[], documents = 1): BrokenArchive => ({
  ...damaged(says, withLines(parts, documents)),
  refusedAt: 'BUILDING',
});

/** Columns that are not what they seem. */
export const FORGED_COLUMNS: Record<string, BrokenArchive> = {
  'end-mark-first': inPart('line 1: it does not start with /', `\\.\n${GOOD}`),
  'end-mark-last': inPart('line 2: it does not start with /', `${GOOD}\\.\n`),
  'end-mark-in-a-link': inPart('its link has an escape', columns('/a\\.', '0', '1', 'PUT', '\\N', '\\N', '{}')),
  'end-mark-in-a-body': inPart('its body has an escape', body('{"a":"\\."}')),
  'five-columns': inPart('fewer than seven columns', columns('/a', '0', '1', 'PUT', '{}')),
  'tab-in-the-body': inPart('more than seven columns', body('{"a":\t1}')),
  'line-end-in-the-body': inPart('it does not end with }', body('{"a":\n1}')),
  'link-of-null': inPart('does not start with /', columns('\\N', '0', '1', 'PUT', '\\N', '\\N', '{}')),
  'version-of-null': inPart('its version is not a whole number', columns('/a', '\\N', '1', 'PUT', '\\N', '\\N', '{}')),
  'version-below-0': inPart('its version is not a whole number', columns('/a', '-1', '1', 'PUT', '\\N', '\\N', '{}')),
  'version-past-2-to-the-53': inPart(
    'its version is not a whole number',
    columns('/a', '9007199254740993', '1', 'PUT', '\\N', '\\N', '{}'),
  ),
  'stamp-with-a-fraction': inPart(
    'its update_time_micros is not a whole number',
    columns('/a', '0', '1.5', 'PUT', '\\N', '\\N', '{}'),
  ),
  'action-in-small-letters': inPart('its update_action is unknown', columns('/a', '0', '1', 'put', '\\N', '\\N', '{}')),
  'action-of-null': inPart('its update_action is unknown', columns('/a', '0', '1', '\\N', '\\N', '\\N', '{}')),
  'expiration-in-words': inPart(
    'its expiration_time_micros is not a number',
    columns('/a', '0', '1', 'PUT', '\\N', 'infinity', '{}'),
  ),
  'expiration-past-64-bits': inCopy(columns('/a', '0', '1', 'PUT', '\\N', '9'.repeat(30), '{}')),
  'kind-with-an-odd-escape': inPart('its kind has an escape', columns('/a', '0', '1', 'PUT', '\\x41', '\\N', '{}')),
  'kind-not-utf8': inCopy(Buffer.from(columns('/a', '0', '1', 'PUT', '\u00ff', '\\N', '{}'), 'latin1')),
  'kind-with-a-nul': inCopy(columns('/a', '0', '1', 'PUT', 'a\0b', '\\N', '{}')),
  'stamp-that-the-manifest-does-not-know': damagedPart('its minUpdateTimeMicros is 9007199254740991', {
    ...withLines([line({ stamp: 2 ** 53 - 1 })]),
    manifest: (manifest) =>
      JSON.stringify({
        ...manifest,
        history: { earliestUpdateTimeMicros: 1, latestUpdateTimeMicros: 1 },
        parts: manifest.parts.map((part) => ({ ...part, minUpdateTimeMicros: 1, maxUpdateTimeMicros: 1 })),
      }),
  }),
};

export const BAD_BODIES: Record<string, BrokenArchive> = {
  'body-not-json': inCopy(body('{"a":}')),
  'body-and-more': inCopy(body('{}{}')),
  'body-with-a-bad-number': inCopy(body('{"a":01}')),
  'body-not-utf8': inCopy(Buffer.from(body('{"a":"\u00ff"}'), 'latin1')),
  'body-of-null': inPart('its body does not start with {', body('\\N')),
  'body-a-list': inPart('its body does not start with {', body('[1]')),
  'body-a-text': inPart('its body does not start with {', body('"text"')),
  'body-of-257-levels': inPart('its body is nested deeper than 256 levels', body(nested(257))),
  'body-of-500,000-levels': inPart('its body is nested deeper than 256 levels', body(nested(500_000))),
  'body-of-lists-without-end': inCopy(body(`{"a":[${'"[",'.repeat(300)}}`)),
  'body-with-a-column': inPart('its body has a built-in field', body('{"documentVersion":7}')),
  'body-with-a-column-in-escapes': inPart('its body has a built-in field', body('{"\\\\u0064ocumentSelfLink":"/b"}')),
  'body-with-an-odd-escape': inPart('its body has an escape', body('{"\\144ocumentSelfLink":"/b"}')),
};

/** What only all rows together show. */
export const BAD_HISTORIES: Record<string, BrokenArchive> = {
  'version-twice': inAll('a version of a link comes twice', [line({}), line({})]),
  'part-twice-under-two-names': inAll('a version of a link comes twice', [GOOD + line({ link: '/b' }), GOOD]),
  'version-twice-in-a-part': inAll('a version of a link comes twice', [GOOD + line({ stamp: 2 })]),
  'version-missing': inAll('not a whole history', [GOOD + line({ version: 2, stamp: 2 })]),
  'version-missing-over-two-parts': inAll('not a whole history', [GOOD, line({ version: 2, stamp: 2 })]),
  'no-first-version': inAll('not a whole history', [line({ version: 1 })]),
  'version-of-2-to-the-53': inAll('not a whole history', [line({ version: 2 ** 53 - 1 })]),
  'stamps-that-fall': inAll('not a whole history', [line({ stamp: 9 }), line({ version: 1, stamp: 8 })]),
  'stamps-that-stand': inAll('not a whole history', [line({ stamp: 9 }), line({ version: 1, stamp: 9 })]),
  'stamp-of-0': inAll('not a whole history', [line({ stamp: 0 })]),
  'documents-too-many': inAll('another number of documents', [GOOD + line({ version: 1, stamp: 2 })], 2),
  'documents-too-few': inAll('another number of documents', [GOOD], 0),
  'documents-that-are-deleted': inAll('another number of documents', [line({ action: 'DELETE' })], 1),
  'link-with-an-empty-segment': inAll('a link is not valid', [line({ link: '/a//b' })]),
  'link-that-ends-with-a-slash': inAll('a link is not valid', [line({ link: '/a/' })]),
  'link-of-a-slash': inAll('a link is not valid', [line({ link: '/' })]),
  'link-that-leads-up': inAll('a link is not valid', [line({ link: '/a/../b' })]),
  'link-with-a-blank': inAll('a link is not valid', [line({ link: '/a b' })]),
  'link-with-a-quote-and-sql': inAll('a link is not valid', [line({ link: `/a';DROP SCHEMA catalog CASCADE;--` })]),
  'link-not-ascii': inAll('a link is not valid', [line({ link: '/æ' })]),
  'link-with-a-star': inAll('a link is not valid', [line({ link: '/a*' })]),
  'link-of-the-system': inAll('a link is not valid', [line({ link: '/core/management' })]),
  'link-of-the-system-itself': inAll('a link is not valid', [line({ link: '/core' })]),
  'link-too-long': inPart('its link is over 1024 bytes long', line({ link: `/${'a'.repeat(1024)}` })),
  'link-of-two-mebibytes': inPart('its link is over 1024 bytes long', line({ link: `/${'ab/c'.repeat(500_000)}` })),
  'link-with-escapes': inPart('its link has an escape', columns('/\\143ore', '0', '1', 'PUT', '\\N', '\\N', '{}')),
};

/** A year that no test sees, in microseconds. */
const FUTURE_MICROS = 9e15;

function fromFuture(stamps: readonly number[]): Crafting {
  return {
    ...withLines([stamps.map((stamp, version) => line({ version, stamp })).join('')]),
    manifest: (manifest) =>
      JSON.stringify({ ...manifest, snapshot: { ...HEADER.snapshot, closedTimeMicros: Math.max(...stamps) } }),
  };
}

export const FROM_FUTURE: Record<string, BrokenArchive> = {
  'stamps-from-the-future': {
    code: 'ARCHIVE_FROM_FUTURE',
    refusedAt: 'CLAIMS',
    says: 'more than 5 minutes after',
    make: () => crafted(fromFuture([1, FUTURE_MICROS])),
  },
  'stamps-from-the-end-of-time': {
    code: 'ARCHIVE_FROM_FUTURE',
    refusedAt: 'CLAIMS',
    says: 'more than 5 minutes after',
    make: () => crafted(fromFuture([2 ** 53 - 1])),
  },
};
