import type { PartFacts, SnapshotTotals } from '@tidemark/contracts';

import { ArchiveDamagedError, ArchiveForeignError, ArchiveVersionUnknownError, ContentUnfitError } from '../errors.js';
import { COLUMNS } from './columns.js';
import { MANIFEST, partName } from './entry-names.js';
import { nestsDeeperThan } from './json-depth.js';
import { MAX_MANIFEST_DEPTH } from './limits.js';
import { brokenRule, historyOf, sumOf } from './manifest-rules.js';
import { FORMAT, FORMAT_VERSION, manifestFieldsSchema, type ArchiveHeader, type Manifest } from './manifest-schema.js';

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

/** Throws ARCHIVE_FOREIGN, ARCHIVE_VERSION_UNKNOWN or, for whatever else is wrong with it, ARCHIVE_DAMAGED. */
export function parseManifest(bytes: Buffer): Manifest {
  const value = parseJson(bytes);
  checkVersion(value);
  const parsed = manifestFieldsSchema.safeParse(value);
  const broken = parsed.success ? brokenRule(parsed.data) : firstIssue(parsed.error);
  if (!parsed.success || broken) throw new ArchiveDamagedError(MANIFEST, broken ?? '');
  return parsed.data;
}

function partLines({ parts }: Manifest): string {
  if (parts.length === 0) return '[]';
  return `[\n${parts.map((part) => `    ${JSON.stringify(part)}`).join(',\n')}\n  ]`;
}

function parseJson(bytes: Buffer): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!nestsDeeperThan(text, MAX_MANIFEST_DEPTH)) return JSON.parse(text);
  } catch (error) {
    throw new ArchiveDamagedError(MANIFEST, 'it is not JSON', error);
  }
  throw new ArchiveDamagedError(MANIFEST, `it is nested deeper than ${MAX_MANIFEST_DEPTH} levels`);
}

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

function firstIssue({ issues }: { readonly issues: readonly Issue[] }): string {
  const [issue] = issues;
  return issue ? `${issue.path.map(String).join('.')}: ${issue.message}` : 'not of its form';
}
