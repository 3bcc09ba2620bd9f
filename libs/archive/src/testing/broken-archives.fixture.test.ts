import { MAX_PART_RAW_BYTES } from '../format/limits.js';
import { formatManifest } from '../format/manifest.js';
import { crafted } from './archives.test.js';
import {
  damaged,
  file,
  GOOD,
  PART,
  withEnd,
  withEntry,
  withManifest,
  withPart,
  type BrokenArchive,
} from './breaking.test.js';
import { GIGABYTES, MANIFEST_BOMBS, THOUSANDS } from './broken-large.test.js';
import { BROKEN_KINDS, BROKEN_NAMES, MISPLACED } from './broken-names.test.js';
import { BOMBS, BROKEN_PARTS } from './broken-parts.test.js';
import { BAD_BODIES, BAD_HISTORIES, FORGED_COLUMNS, FROM_FUTURE } from './broken-rows.test.js';
import { BROKEN_ENTRIES, BROKEN_STRUCTURES } from './broken-zips.test.js';
import { craftZip } from './zip-builder.test.js';

/** Support for the tests beside it (no test itself). Everything that must not be restored, by its defect. */

const FOREIGN: Record<string, BrokenArchive> = {
  'lucene-index': {
    code: 'ARCHIVE_FOREIGN',
    refusedAt: 'OPENING',
    says: 'Lucene',
    make: () => craftZip(['_0.cfe', '_0.cfs', '_0.si', 'segments_2', 'write.lock'].map(file)),
  },
  'other-zip': {
    code: 'ARCHIVE_FOREIGN',
    refusedAt: 'OPENING',
    says: 'a zip of something else (2 entries: "index.js", "package.json")',
    make: () => craftZip([file('index.js'), file('package.json')]),
  },
  'other-zip-with-a-comment': {
    code: 'ARCHIVE_FOREIGN',
    refusedAt: 'OPENING',
    says: 'a zip of something else',
    make: () => craftZip([file('index.js')], { comment: Buffer.from('made elsewhere') }),
  },
  'other-zip-with-a-manifest': {
    code: 'ARCHIVE_FOREIGN',
    refusedAt: 'OPENING',
    says: 'a zip of something else',
    make: () => craftZip([file('manifest.json'), file('background.js')]),
  },
  'other-manifest': {
    code: 'ARCHIVE_FOREIGN',
    refusedAt: 'OPENING',
    says: 'manifest.json is of something else',
    make: () => crafted({ manifest: () => '{"name":"an extension","manifest_version":3}' }),
  },
  'empty-zip': { code: 'ARCHIVE_FOREIGN', refusedAt: 'OPENING', says: 'nothing in it', make: () => craftZip([]) },
  'text-file': {
    code: 'ARCHIVE_FOREIGN',
    refusedAt: 'OPENING',
    says: 'not a zip',
    make: () => Buffer.from('dear diary\n'.repeat(30)),
  },
  'one-byte': { code: 'ARCHIVE_FOREIGN', refusedAt: 'OPENING', says: 'not a zip', make: () => Buffer.from('x') },
  'large-noise': {
    code: 'ARCHIVE_FOREIGN',
    refusedAt: 'OPENING',
    says: 'not a zip',
    make: () => Buffer.alloc(200_000, 0xa5),
  },
};

const TRUNCATED: Record<string, BrokenArchive> = {
  'empty-file': { code: 'ARCHIVE_TRUNCATED', refusedAt: 'OPENING', says: 'it is empty', make: () => Buffer.alloc(0) },
  'cut-in-half': {
    code: 'ARCHIVE_TRUNCATED',
    refusedAt: 'OPENING',
    says: 'does not end as one',
    make: async () => (await crafted()).subarray(0, 2000),
  },
  'end-cut-off': {
    code: 'ARCHIVE_TRUNCATED',
    refusedAt: 'OPENING',
    says: 'does not end as one',
    make: async () => (await crafted()).subarray(0, -1),
  },
  'bytes-appended': {
    code: 'ARCHIVE_TRUNCATED',
    refusedAt: 'OPENING',
    says: 'does not end as one',
    make: () => crafted(withEnd({ trailer: Buffer.from('more') })),
  },
};

const VERSIONS: Record<string, BrokenArchive> = {
  'version-2': {
    code: 'ARCHIVE_VERSION_UNKNOWN',
    refusedAt: 'OPENING',
    says: 'format version 2, and this product reads version 1',
    make: () => crafted(withManifest((manifest) => ({ ...manifest, formatVersion: 2, news: true }))),
  },
  'version-2-with-other-entries': {
    code: 'ARCHIVE_VERSION_UNKNOWN',
    refusedAt: 'OPENING',
    says: 'format version 2',
    make: () =>
      crafted({
        ...withManifest((manifest) => ({ ...manifest, formatVersion: 2 })),
        ...withEntry({ name: 'indexes/1' }),
        ...withEnd({ comment: Buffer.from('with a comment') }),
      }),
  },
};

const MANIFESTS: Record<string, BrokenArchive> = {
  'manifest-not-json': damaged('it is not JSON', { manifest: () => 'format: tidemark-archive' }),
  'manifest-not-utf8': damaged('it is not JSON', { manifest: () => Buffer.from('7b22c3287d', 'hex') }),
  'manifest-too-deep': damaged('nested deeper', { manifest: () => '['.repeat(100_000) + ']'.repeat(100_000) }),
  'manifest-too-large': damaged('it is over 8388608 bytes', {
    manifest: (manifest) => formatManifest(manifest) + ' '.repeat(8 * 1024 * 1024),
  }),
  'manifest-with-a-field-more': damaged(
    'manifest.json',
    withManifest((manifest) => ({ ...manifest, more: 1 })),
  ),
  'wrong-totals': damaged(
    'totals.versions',
    withManifest((manifest) => ({ ...manifest, totals: { ...manifest.totals, versions: 3 } })),
  ),
  'sums-of-another-readme': damaged('README.txt: its SHA-256 is not the one in SHA256SUMS', {
    sums: (sums) => sums.replace(/^\w{64}/, '0'.repeat(64)),
  }),
  'sums-of-another-part': damaged(`${PART}: its SHA-256 is not the one in SHA256SUMS`, {
    sums: (sums) => sums.replace(/\w{64} {2}parts/, `${'0'.repeat(64)}  parts`),
  }),
  'sums-with-a-line-less': damaged('SHA256SUMS: its SHA-256', { sums: (sums) => sums.split('\n').slice(1).join('\n') }),
  'sums-with-a-line-more': damaged('SHA256SUMS: its SHA-256', { sums: (sums) => `${sums}${'0'.repeat(64)}  x\n` }),
  'sums-in-another-form': damaged('README.txt: its SHA-256', { sums: (sums) => sums.replaceAll('  ', ' *') }),
  'sums-with-carriage-returns': damaged('README.txt: its SHA-256', { sums: (sums) => sums.replaceAll('\n', '\r\n') }),
  'declares-too-much': damaged('bytes of rows', withPart(GOOD, { facts: { rawBytes: MAX_PART_RAW_BYTES + 1 } })),
  'declares-the-impossible': damaged('more rows than its bytes', withPart(GOOD, { facts: { rawBytes: 100_000_000 } })),
};

/** Each by the name of its defect. */
export const BROKEN_ARCHIVES: Readonly<Record<string, BrokenArchive>> = {
  ...FOREIGN,
  ...TRUNCATED,
  ...VERSIONS,
  ...BROKEN_ENTRIES,
  ...BROKEN_NAMES,
  ...BROKEN_KINDS,
  ...MISPLACED,
  ...BROKEN_STRUCTURES,
  ...THOUSANDS,
  ...GIGABYTES,
  ...MANIFESTS,
  ...MANIFEST_BOMBS,
  ...BROKEN_PARTS,
  ...BOMBS,
  ...FORGED_COLUMNS,
  ...BAD_BODIES,
  ...BAD_HISTORIES,
  ...FROM_FUTURE,
};

export type { BrokenArchive, RefusedAt } from './breaking.test.js';
export { archiveWithHostileSchema } from './broken-large.test.js';
export { sparseOf, type SparseBytes } from './sparse-bytes.test.js';
