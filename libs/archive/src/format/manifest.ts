import type { PartFacts, SnapshotTotals } from '@tidemark/contracts';

import { ArchiveDamagedError, ArchiveForeignError, ArchiveVersionUnknownError, ContentUnfitError } from '../errors.js';
import { COLUMNS } from './columns.js';
import { MANIFEST, partName } from './entry-names.js';
import { jsonShape, membersOf, type JsonShape } from './json-shape.js';
import {
  MAX_MANIFEST_DEPTH,
  MAX_MANIFEST_FIELDS,
  MAX_MANIFEST_NAMES,
  MAX_MANIFEST_TEXT_BYTES,
  MAX_MANIFEST_VALUES,
  MAX_PARTS,
} from './limits.js';
import { brokenRule, historyOf, sumOf } from './manifest-rules.js';
import {
  FORMAT,
  FORMAT_VERSION,
  manifestFieldsSchema,
  manifestPartSchema,
  type ArchiveHeader,
  type Manifest,
  type ManifestPart,
} from './manifest-schema.js';

/** The manifest of parts in this order. Holds no time but the snapshot's, so that the same snapshot gives the same bytes. */
export function makeManifest(header: ArchiveHeader, facts: readonly PartFacts[], totals: SnapshotTotals): Manifest {
  const parts = facts.map((part, index) => ({ name: partName(index), ...part }));
  const parsed = manifestFieldsSchema.safeParse({
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    createdAtMicros: header.snapshot.closedTimeMicros,
    product: header.product,
    index: header.index,
    snapshot: header.snapshot,
    columns: COLUMNS,
    totals: { documents: totals.documents, versions: sumOf(parts, 'rows'), bytes: sumOf(parts, 'rawBytes') },
    history: historyOf(parts),
    parts,
    compression: 'zstd',
    base: null,
  });
  const broken = parsed.success ? brokenRule(parsed.data) : firstIssue(parsed.error);
  if (!parsed.success || broken) throw new ContentUnfitError(`its manifest: ${broken ?? ''}`);
  return parsed.data;
}

/** The manifest as text: one field a line, one part a line. */
export function formatManifest(manifest: Manifest): string {
  const fields = Object.entries(manifest).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${name === 'parts' ? partLines(manifest) : JSON.stringify(value)}`,
  );
  return `{\n${fields.join(',\n')}\n}\n`;
}

/**
 * Throws ARCHIVE_FOREIGN, ARCHIVE_VERSION_UNKNOWN or, for whatever else is wrong with it, ARCHIVE_DAMAGED. Takes no
 * more memory than the largest manifest that is none of these.
 */
export function parseManifest(bytes: Buffer): Manifest {
  const shape = jsonShape(bytes);
  const value = parseJson(bytes, shape);
  checkVersion(value);
  const manifest = checkedFields(value);
  if (membersOf(manifest) !== shape.members) throw new ArchiveDamagedError(MANIFEST, 'a field comes twice');
  const broken = brokenRule(manifest);
  if (broken) throw new ArchiveDamagedError(MANIFEST, broken);
  return manifest;
}

/**
 * Part by part, each in the place of what was read: of all that is wrong with thousands of them no list is made, and
 * they are not there twice.
 */
function checkedFields(value: unknown): Manifest {
  const { parts } = Object(value) as { parts?: unknown };
  if (!Array.isArray(parts)) throw new ArchiveDamagedError(MANIFEST, 'parts: not a list');
  if (parts.length > MAX_PARTS) throw new ArchiveDamagedError(MANIFEST, `parts: over ${MAX_PARTS}`);
  for (let index = 0; index < parts.length; index++) {
    const parsed = manifestPartSchema.safeParse(parts[index]);
    if (!parsed.success) throw new ArchiveDamagedError(MANIFEST, firstIssue(parsed.error, ['parts', index]));
    parts[index] = parsed.data;
  }
  const parsed = manifestFieldsSchema.safeParse({ ...Object(value), parts: [] });
  if (!parsed.success) throw new ArchiveDamagedError(MANIFEST, firstIssue(parsed.error));
  return { ...parsed.data, parts: parts as ManifestPart[] };
}

function partLines({ parts }: Manifest): string {
  if (parts.length === 0) return '[]';
  return `[\n${parts.map((part) => `    ${JSON.stringify(part)}`).join(',\n')}\n  ]`;
}

function parseJson(bytes: Buffer, shape: JsonShape): unknown {
  const tooMuch = SHAPE_LIMITS.find(([measure, limit]) => shape[measure] > limit);
  if (tooMuch) throw new ArchiveDamagedError(MANIFEST, tooMuch[2]);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new ArchiveDamagedError(MANIFEST, 'it is not JSON', error);
  }
}

const SHAPE_LIMITS: readonly (readonly [measure: keyof JsonShape, limit: number, otherwise: string])[] = [
  ['levels', MAX_MANIFEST_DEPTH, `it is nested deeper than ${MAX_MANIFEST_DEPTH} levels`],
  ['values', MAX_MANIFEST_VALUES, `it has over ${MAX_MANIFEST_VALUES} values`],
  ['mostMembers', MAX_MANIFEST_FIELDS, `it has an object of over ${MAX_MANIFEST_FIELDS} fields`],
  ['names', MAX_MANIFEST_NAMES, `it has over ${MAX_MANIFEST_NAMES} names`],
  ['longest', MAX_MANIFEST_TEXT_BYTES, `it has a text of over ${MAX_MANIFEST_TEXT_BYTES} bytes`],
];

/** Before anything else about it: a newer version may have other fields. */
function checkVersion(value: unknown): void {
  const { format, formatVersion } = Object(value) as { format?: unknown; formatVersion?: unknown };
  if (format !== FORMAT) throw new ArchiveForeignError(`its ${MANIFEST} is of something else`);
  if (typeof formatVersion !== 'number' || !Number.isSafeInteger(formatVersion) || formatVersion < 1) {
    throw new ArchiveDamagedError(MANIFEST, 'formatVersion: not a whole number');
  }
  if (formatVersion !== FORMAT_VERSION) throw new ArchiveVersionUnknownError(formatVersion, FORMAT_VERSION);
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

const MAX_ISSUE_CHARACTERS = 300;

/** The message repeats what it found, as long as that may be. */
function firstIssue({ issues }: { readonly issues: readonly Issue[] }, at: readonly PropertyKey[] = []): string {
  const [issue] = issues;
  if (!issue) return 'not of its form';
  const where = [...at, ...issue.path]
    .map((step) => `${String(step)}.`)
    .join('')
    .replace(/\.$/, ': ');
  return `${where}${issue.message}`.slice(0, MAX_ISSUE_CHARACTERS);
}
