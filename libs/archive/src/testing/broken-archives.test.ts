import { randomBytes } from 'node:crypto';
import { constants } from 'node:zlib';

import { MAX_PART_RAW_BYTES } from '../format/limits.js';
import { formatManifest } from '../format/manifest.js';
import { crafted } from './archives.test.js';
import {
  damaged,
  file,
  frameOf,
  GOOD,
  PART,
  withEnd,
  withEntry,
  withManifest,
  withPart,
  type BrokenArchive,
} from './breaking.test.js';
import { BROKEN_ENTRIES, BROKEN_STRUCTURES } from './broken-zips.test.js';
import { craftZip } from './zip-builder.test.js';

/** Support for the tests beside it (no test itself). Everything that must not be restored, by its defect. */

const FOREIGN: Record<string, BrokenArchive> = {
  'lucene-index': {
    code: 'ARCHIVE_FOREIGN',
    says: 'Lucene',
    make: () => craftZip(['_0.cfe', '_0.cfs', '_0.si', 'segments_2', 'write.lock'].map(file)),
  },
  'other-zip': {
    code: 'ARCHIVE_FOREIGN',
    says: 'a zip of something else (2 entries: "index.js", "package.json")',
    make: () => craftZip([file('index.js'), file('package.json')]),
  },
  'other-zip-with-a-comment': {
    code: 'ARCHIVE_FOREIGN',
    says: 'a zip of something else',
    make: () => craftZip([file('index.js')], { comment: Buffer.from('made elsewhere') }),
  },
  'other-zip-with-a-manifest': {
    code: 'ARCHIVE_FOREIGN',
    says: 'a zip of something else',
    make: () => craftZip([file('manifest.json'), file('background.js')]),
  },
  'other-manifest': {
    code: 'ARCHIVE_FOREIGN',
    says: 'manifest.json is of something else',
    make: () => crafted({ manifest: () => '{"name":"an extension","manifest_version":3}' }),
  },
  'empty-zip': { code: 'ARCHIVE_FOREIGN', says: 'nothing in it', make: () => craftZip([]) },
  'text-file': { code: 'ARCHIVE_FOREIGN', says: 'not a zip', make: () => Buffer.from('dear diary\n'.repeat(30)) },
  'one-byte': { code: 'ARCHIVE_FOREIGN', says: 'not a zip', make: () => Buffer.from('x') },
  'large-noise': { code: 'ARCHIVE_FOREIGN', says: 'not a zip', make: () => Buffer.alloc(200_000, 0xa5) },
};

const TRUNCATED: Record<string, BrokenArchive> = {
  'empty-file': { code: 'ARCHIVE_TRUNCATED', says: 'it is empty', make: () => Buffer.alloc(0) },
  'cut-in-half': {
    code: 'ARCHIVE_TRUNCATED',
    says: 'does not end as one',
    make: async () => (await crafted()).subarray(0, 2000),
  },
  'end-cut-off': {
    code: 'ARCHIVE_TRUNCATED',
    says: 'does not end as one',
    make: async () => (await crafted()).subarray(0, -1),
  },
  'bytes-appended': {
    code: 'ARCHIVE_TRUNCATED',
    says: 'does not end as one',
    make: () => crafted(withEnd({ trailer: Buffer.from('more') })),
  },
};

const VERSIONS: Record<string, BrokenArchive> = {
  'version-2': {
    code: 'ARCHIVE_VERSION_UNKNOWN',
    says: 'format version 2, and this product reads version 1',
    make: () => crafted(withManifest((manifest) => ({ ...manifest, formatVersion: 2, news: true }))),
  },
  'version-2-with-other-entries': {
    code: 'ARCHIVE_VERSION_UNKNOWN',
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
  'manifest-too-large': damaged('it is over 16777216 bytes', {
    manifest: (manifest) => formatManifest(manifest) + ' '.repeat(16 * 1024 * 1024),
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

const PARTS: Record<string, BrokenArchive> = {
  'part-with-another-sum': damaged('its SHA-256 is another one', withPart(GOOD, { facts: { sha256: '0'.repeat(64) } })),
  bomb: damaged('more than its 1000 bytes of rows', withPart(GOOD.repeat(400_000), { facts: { rawBytes: 1000 } })),
  'two-frames': damaged(
    'after its zstd frame',
    withPart(GOOD + GOOD, { content: Buffer.concat([frameOf(GOOD), frameOf(GOOD)]) }),
  ),
  'bytes-behind-the-frame': damaged(
    'after its zstd frame',
    withPart(GOOD, { content: Buffer.concat([frameOf(GOOD), Buffer.of(0)]) }),
  ),
  'frame-cut-off': damaged('frame is cut off', withPart(GOOD, { content: frameOf(GOOD).subarray(0, -3) })),
  'frame-of-noise': damaged('does not begin as a zstd frame', withPart(GOOD, { content: randomBytes(100) })),
  'window-too-large': damaged('window over', {
    ...withPart(GOOD.repeat(500_000), { content: frameOf(GOOD.repeat(500_000), { [constants.ZSTD_c_windowLog]: 24 }) }),
  }),
  'no-line-end': damaged('line 2: it has no line end', withPart(GOOD + GOOD.trimEnd(), { facts: { rows: 2 } })),
  'carriage-return': damaged('line 1: it has a carriage return', withPart(GOOD.replace('{}', '{"a":"\r"}'))),
  'end-mark-of-copy': damaged('line 2: it does not start with /', withPart(`${GOOD}\\.\n${GOOD}`)),
  'six-columns': damaged('fewer than seven columns', withPart('/a\t0\t1\tPUT\t\\N\t{}\n')),
  'eight-columns': damaged('body does not start with {', withPart('/a\t0\t1\tPUT\t\\N\t\\N\t\\N\t{}\n')),
  'wrong-row-count': damaged('its rows is 1 and should be 2', withPart(GOOD, { facts: { rows: 2 } })),
  'wrong-stamps': damaged('its maxUpdateTimeMicros is 1', withPart(GOOD, { facts: { maxUpdateTimeMicros: 2 } })),
};

export const BROKEN_ARCHIVES: Readonly<Record<string, BrokenArchive>> = {
  ...FOREIGN,
  ...TRUNCATED,
  ...VERSIONS,
  ...BROKEN_ENTRIES,
  ...BROKEN_STRUCTURES,
  ...MANIFESTS,
  ...PARTS,
};
