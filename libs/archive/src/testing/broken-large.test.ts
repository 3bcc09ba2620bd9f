import { MANIFEST, partName, README, SUMS } from '../format/entry-names.js';
import { formatManifest } from '../format/manifest.js';
import type { Manifest } from '../format/manifest-schema.js';
import { crafted, sparselyCrafted, type Crafting } from './archives.test.js';
import { damaged, damagedPart, GOOD, PART, withPart, type BrokenArchive } from './breaking.test.js';
import { craftZip, type CraftedEntry } from './zip-builder.test.js';

/**
 * Support for the tests beside it (no test itself). What is large, or says that it is. Gigabytes are zeros that no file
 * system keeps.
 */

const MIB = 1024 * 1024;
const GIGABYTE = 1e9;

function sparse(broken: BrokenArchive, crafting: Crafting): BrokenArchive {
  return { ...broken, make: () => sparselyCrafted(crafting) };
}

function withZeros(name: string, zeros: number): Crafting {
  return { entries: (entries) => entries.map((entry) => (entry.name === name ? { ...entry, zeros } : entry)) };
}

const huge = (says: string, name: string): BrokenArchive => sparse(damaged(says, {}), withZeros(name, GIGABYTE));

/** Truly there, as bytes of a file. */
export const GIGABYTES: Record<string, BrokenArchive> = {
  'manifest-of-a-gigabyte': huge(`${MANIFEST}: it is over 8388608 bytes`, MANIFEST),
  'sums-of-a-gigabyte': huge(`${SUMS}: it is over 8388608 bytes`, SUMS),
  'readme-of-a-gigabyte': huge(`${README}: it is over 1048576 bytes`, README),
  'part-of-a-gigabyte-too-much': huge(`${PART}: its size is not the one in the manifest`, PART),
  'part-of-a-gigabyte-of-nothing': sparse(damagedPart('does not begin as a zstd frame', {}), {
    ...withPart(GOOD, { content: Buffer.alloc(0), facts: { bytes: GIGABYTE } }),
    ...withZeros(PART, GIGABYTE),
  }),
  'directory-of-a-gigabyte': sparse(damaged('the directory of the zip: it is over 16777216 bytes', {}), {
    end: { zeros: GIGABYTE },
  }),
  'zeros-of-a-gigabyte': {
    ...damaged('', {}),
    code: 'ARCHIVE_FOREIGN',
    says: 'it is not a zip',
    make: () => ({ size: GIGABYTE, pieces: [] }),
  },
  'manifest-that-says-a-gigabyte': damaged(`${MANIFEST}: it is over 8388608 bytes`, {
    entries: (entries) =>
      entries.map((entry) =>
        entry.name === MANIFEST ? { ...entry, central: { size: GIGABYTE, storedSize: GIGABYTE } } : entry,
      ),
  }),
};

const ENTRIES_MAY_ASK = 12 * MIB;

/** Entries beyond counting, in directories that are in order. */
export const THOUSANDS: Record<string, BrokenArchive> = {
  'thousands-of-entries-of-one-name': {
    ...damaged('it is there twice', {
      entries: (entries) => [
        ...entries,
        ...many(15_000, (): CraftedEntry => ({ name: README, content: Buffer.alloc(0) })),
      ],
    }),
    mayAsk: ENTRIES_MAY_ASK,
  },
  'thousands-of-entries-of-other-names': {
    ...damaged('archives have no entry of this name', {
      entries: (entries) => [...entries, ...many(15_000, (n) => ({ name: `x/${n}`, content: Buffer.alloc(0) }))],
    }),
    mayAsk: ENTRIES_MAY_ASK,
  },
  'thousands-of-parts-that-nobody-lists': {
    ...damaged('the manifest does not list it', {
      entries: (entries) => [...entries, ...many(15_000, (n) => ({ name: partName(n + 1), content: Buffer.alloc(0) }))],
    }),
    mayAsk: ENTRIES_MAY_ASK,
  },
  'thousands-of-other-entries': {
    ...damaged('', {}),
    code: 'ARCHIVE_FOREIGN',
    says: 'a zip of something else (15000 entries',
    mayAsk: ENTRIES_MAY_ASK,
    make: () => craftZip(many(15_000, (n) => ({ name: `x/${n}`, content: Buffer.alloc(0) }))),
  },
  'entries-one-too-many': {
    ...damaged('it has 20005 entries, the most are 20004', {}),
    mayAsk: ENTRIES_MAY_ASK,
    make: () => craftZip(many(20_005, (n) => ({ name: partName(n), content: Buffer.alloc(0) }))),
  },
  'entries-of-65535': {
    ...damaged('the most are', {}),
    mayAsk: ENTRIES_MAY_ASK,
    make: () =>
      craftZip(
        many(65_535, () => ({ name: README, content: Buffer.alloc(0) })),
        { zip64: {} },
      ),
  },
  'directory-of-comments': {
    ...damaged('it has a comment', {
      entries: (entries) => [
        ...entries,
        ...many(200, (n) => ({
          name: partName(n + 1),
          content: Buffer.alloc(0),
          central: { comment: 'c'.repeat(65_535) },
        })),
      ],
    }),
    mayAsk: 14 * MIB,
  },
  'directory-over-16-mebibytes': damaged('the directory of the zip: it is over 16777216 bytes', {
    entries: (entries) => [
      ...entries,
      ...many(260, (n) => ({
        name: partName(n + 1),
        content: Buffer.alloc(0),
        central: { comment: 'c'.repeat(65_535) },
      })),
    ],
  }),
};

const MANIFEST_MAY_ASK = 10 * MIB;
const HEAD = '{"format":"tidemark-archive","formatVersion":1';

const manifestOf = (says: string, text: (manifest: Manifest) => string): BrokenArchive => ({
  ...damaged(`${MANIFEST}: ${says}`, { manifest: text }),
  mayAsk: MANIFEST_MAY_ASK,
});
const filled = (piece: string): string =>
  Array.from({ length: Math.floor((8 * MIB - 1000) / (piece.length + 1)) }, () => piece).join(',');

/** Just within the size of a manifest, and in memory many times that. */
export const MANIFEST_BOMBS: Record<string, BrokenArchive> = {
  'manifest-of-millions-of-lists': manifestOf('it has over 160100 values', () => `${HEAD},"parts":[${filled('[]')}]}`),
  'manifest-of-millions-of-objects': manifestOf(
    'it has over 160100 values',
    () => `${HEAD},"parts":[${filled('{}')}]}`,
  ),
  'manifest-of-millions-of-numbers': manifestOf('it has over 160100 values', () => `${HEAD},"parts":[${filled('0')}]}`),
  'manifest-of-millions-of-columns': manifestOf(
    'it has over 160100 values',
    () => `${HEAD},"columns":[${filled('{}')}]}`,
  ),
  'manifest-of-800000-names': manifestOf(
    'it has over 160100 values',
    () => `${HEAD},${many(800_000, (n) => `"${n.toString(36)}":0`).join(',')}}`,
  ),
  'manifest-of-as-many-names-as-values': manifestOf(
    'it has an object of over 64 fields',
    () => `${HEAD},${many(160_000, (n) => `"${n.toString(36)}":0`).join(',')}}`,
  ),
  'manifest-of-as-many-unknown-fields': manifestOf('it has an object of over 64 fields', (manifest) =>
    formatManifest(manifest).replace('{', `{${many(160_000, (n) => `"${n.toString(36)}":0,`).join('')}`),
  ),
  'manifest-of-other-names-in-each-part': manifestOf(
    'it has over 256 names',
    () => `${HEAD},"parts":[${many(20_000, (n) => `{${many(7, (m) => `"${n * 7 + m}n":0`).join(',')}}`).join(',')}]}`,
  ),
  'manifest-of-one-name': manifestOf('it has a text of over 8192 bytes', (manifest) =>
    formatManifest(manifest).replace('{', `{"${'a'.repeat(7 * MIB)}":0,`),
  ),
  'manifest-of-one-text': manifestOf('it has a text of over 8192 bytes', (manifest) =>
    formatManifest({ ...manifest, product: { ...manifest.product, name: 'a'.repeat(7 * MIB) } }),
  ),
  'manifest-of-one-digit-after-another': manifestOf('it has a text of over 8192 bytes', (manifest) =>
    formatManifest(manifest).replace('"createdAtMicros": 1000000', `"createdAtMicros": ${'1'.repeat(7 * MIB)}`),
  ),
  'manifest-of-20001-parts': manifestOf('parts: over 20000', (manifest) =>
    formatManifest({ ...manifest, parts: many(20_001, (n) => ({ ...manifest.parts[0]!, name: partName(n) })) }),
  ),
  'manifest-of-20000-parts-of-nothing': manifestOf(
    'parts.0',
    () => `${HEAD},"parts":[${many(20_000, () => '{}').join(',')}]}`,
  ),
  'manifest-of-parts-that-are-not-there': {
    ...manifestOf('', () => ''),
    ...damaged(`${partName(1)}: it is not there`, { manifest: thousandsOfParts }),
    mayAsk: MANIFEST_MAY_ASK,
  },
  'manifest-with-a-field-twice': manifestOf('a field comes twice', (manifest) =>
    formatManifest(manifest).replace('"base": null', '"base": 1, "base": null'),
  ),
  'manifest-with-a-prototype': manifestOf('Unrecognized key', (manifest) =>
    formatManifest(manifest).replace('"base": null', '"__proto__": {}, "base": null'),
  ),
  'manifest-of-9-levels': manifestOf('it is nested deeper than 8 levels', (manifest) =>
    formatManifest(manifest).replace('"base": null', `"base": ${'['.repeat(8)}${']'.repeat(8)}`),
  ),
  'manifest-of-millions-of-levels': manifestOf(
    'it is nested deeper than 8 levels',
    () => `${'['.repeat(3 * MIB)}${']'.repeat(3 * MIB)}`,
  ),
};

function thousandsOfParts(manifest: Manifest): string {
  const [part] = manifest.parts;
  const parts = many(20_000, (n) => ({ ...part!, name: partName(n) }));
  const { rows, rawBytes } = part!;
  const totals = { ...manifest.totals, versions: 20_000 * rows, bytes: 20_000 * rawBytes };
  return formatManifest({ ...manifest, totals, parts });
}

function many<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

/** A way to write schema.sql that nobody may ever run: the archive is sound. */
export const HOSTILE_SCHEMA = `DROP SCHEMA catalog CASCADE;\nCOPY (SELECT 1) TO PROGRAM 'touch /tmp/run-by-an-archive';\n`;

export async function archiveWithHostileSchema(): Promise<Buffer> {
  return await crafted({ schema: HOSTILE_SCHEMA, readme: HOSTILE_SCHEMA });
}
