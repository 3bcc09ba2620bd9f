import type { PartFacts, SnapshotTotals } from '@tidemark/contracts';

import { MANIFEST, partName, README, SCHEMA, SUMS } from '../format/entry-names.js';
import { makeManifest, formatManifest } from '../format/manifest.js';
import type { ArchiveHeader, Manifest } from '../format/manifest-schema.js';
import { README_TEXT } from '../format/readme-text.js';
import { SCHEMA_TEXT } from '../format/schema-text.js';
import { sha256Of } from '../format/sha256.js';
import { openArchive } from '../read/open-archive.js';
import { writeArchive, type PackedPart, type WrittenArchive } from '../write/write-archive.js';
import { packed, row, type Row } from './rows.test.js';
import { memorySink, memorySource } from './streams.test.js';
import type { SparseBytes } from './sparse-bytes.test.js';
import { craftSparseZip, craftZip, type CraftedEnd, type CraftedEntry } from './zip-builder.test.js';

/** Support for the tests beside it (no test itself). Whole archives: written as they should be, and crafted otherwise. */

export const HEADER: ArchiveHeader = {
  product: { name: 'tidemark', version: '0.1.0' },
  index: { name: '/core/document-index', generation: 3, system: '7301234567890123456' },
  snapshot: { closedTimeMicros: 1_000_000, pgSnapshot: '742:742:', serverVersion: '15.8' },
};

export async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) yield await Promise.resolve(value);
}

export async function written(
  parts: readonly PackedPart[],
  totals: SnapshotTotals = { documents: parts.length === 0 ? 0 : 1 },
): Promise<WrittenArchive & { zip: Buffer }> {
  const output = memorySink();
  const result = await writeArchive({
    output,
    header: HEADER,
    parts: each(parts),
    totals: () => Promise.resolve(totals),
  });
  return { ...result, zip: output.bytes() };
}

export async function archiveOf(...parts: (readonly Row[])[]): Promise<Buffer> {
  return (await written(await Promise.all(parts.map(packed)))).zip;
}

export async function readThrough(zip: Buffer): Promise<void> {
  await (await openArchive(memorySource(zip))).verify();
}

export interface Crafting {
  readonly parts?: readonly { facts: PartFacts; content: Buffer }[];
  /** Text of the manifest, out of the true one. */
  readonly manifest?: (manifest: Manifest) => string | Buffer;
  /** Text of the sums, out of the true ones. */
  readonly sums?: (sums: string) => string;
  readonly readme?: string;
  readonly schema?: string;
  readonly entries?: (entries: CraftedEntry[]) => CraftedEntry[];
  readonly end?: CraftedEnd;
}

/** An archive made by hand, with sums that fit whatever is in it, so that only what was changed is wrong. */
export async function crafted(crafting: Crafting = {}): Promise<Buffer> {
  return craftZip(await craftedEntries(crafting), crafting.end);
}

/** The same where it is large and most of it zeros. */
export async function sparselyCrafted(crafting: Crafting): Promise<SparseBytes> {
  return craftSparseZip(await craftedEntries(crafting), crafting.end);
}

async function craftedEntries(crafting: Crafting): Promise<CraftedEntry[]> {
  const parts = crafting.parts ?? [await packed([row(), row({ version: 1, stamp: 2 })])];
  const manifest = looseManifest(parts.map(({ facts }) => facts));
  const manifestText = Buffer.from(crafting.manifest?.(manifest) ?? formatManifest(manifest));
  const readme = crafting.readme ?? README_TEXT;
  const contents: [string, Buffer][] = [
    [README, Buffer.from(readme)],
    [SCHEMA, Buffer.from(crafting.schema ?? SCHEMA_TEXT)],
    ...parts.map(({ content }, index): [string, Buffer] => [partName(index), content]),
    [MANIFEST, manifestText],
  ];
  const sums = contents
    .map(([name, content], index) => `${parts[index - 2]?.facts.sha256 ?? sha256Of(content)}  ${name}\n`)
    .join('');
  contents.push([SUMS, Buffer.from(crafting.sums?.(sums) ?? sums)]);
  const entries = contents.map(([name, content]) => ({ name, content, descriptor: name.startsWith('parts/') }));
  return crafting.entries?.(entries) ?? entries;
}

/** The manifest of any facts, even of ones that no writer would take. */
function looseManifest(facts: readonly PartFacts[]): Manifest {
  const empty = makeManifest(HEADER, [], { documents: 0 });
  const sum = (fact: 'rows' | 'rawBytes'): number => facts.reduce((total, part) => total + part[fact], 0);
  return {
    ...empty,
    totals: { documents: facts.length === 0 ? 0 : 1, versions: sum('rows'), bytes: sum('rawBytes') },
    history:
      facts.length === 0
        ? empty.history
        : {
            earliestUpdateTimeMicros: Math.min(...facts.map((part) => part.minUpdateTimeMicros)),
            latestUpdateTimeMicros: Math.max(...facts.map((part) => part.maxUpdateTimeMicros)),
          },
    parts: facts.map((part, index) => ({ name: partName(index), ...part })),
  };
}
