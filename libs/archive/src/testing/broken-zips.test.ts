import { MANIFEST, README, SCHEMA, SUMS } from '../format/entry-names.js';
import {
  damaged,
  damagedPart,
  frameOf,
  GOOD,
  PART,
  withEnd,
  withEntry,
  withHeaders,
  withManifest,
  without,
  zip64Extra,
  type BrokenArchive,
} from './breaking.test.js';

/** Support for the tests beside it (no test itself). Archives whose zip is not as it must be, by their defect. */

export const BROKEN_ENTRIES: Record<string, BrokenArchive> = {
  'duplicate-entry': damaged(
    `${PART}: it is there twice`,
    withEntry({ name: PART, content: frameOf(GOOD), descriptor: true }),
  ),
  'duplicate-manifest': damaged(`${MANIFEST}: it is there twice`, withEntry({ name: MANIFEST }, 4)),
  'name-leads-out': damaged('"../../etc/passwd": archives have no entry', withEntry({ name: '../../etc/passwd' })),
  'absolute-name': damaged('"/etc/passwd": archives have no entry', withEntry({ name: '/etc/passwd' })),
  'name-with-backslashes': damaged('archives have no entry', withEntry({ name: 'parts\\000001.copy.zst' })),
  'name-with-control-characters': damaged('"\\u001b[2J"', withEntry({ name: '\u001b[2J' })),
  'folder-entry': damaged('"parts/": archives have no entry', withEntry({ name: 'parts/', content: Buffer.alloc(0) })),
  'empty-name': damaged('"": archives have no entry', withEntry({ name: '' })),
  'unlisted-entry': damaged(
    'parts/000002.copy.zst: the manifest does not list it',
    withEntry({ name: 'parts/000002.copy.zst' }),
  ),
  'missing-part': damaged(`${PART}: it is not there`, without(PART)),
  'missing-manifest': damaged(`${MANIFEST}: it is not there`, without(MANIFEST)),
  'missing-sums': damaged(`${SUMS}: it is not there`, without(SUMS)),
  'missing-readme': damaged(`${README}: it is not there`, without(README)),
  'entries-out-of-order': damaged('it is not in its place', { entries: ([a, b, ...rest]) => [b!, a!, ...rest] }),
  'hidden-entry': damaged('begins at byte', withEntry({ name: PART, hidden: true })),
  'gap-between-entries': damaged('begins at byte', {
    entries: (entries) => entries.map((entry) => (entry.name === PART ? { ...entry, gap: Buffer.alloc(9) } : entry)),
  }),
  'bytes-before-the-first-entry': damaged('begins at byte 7', {
    entries: ([first, ...rest]) => [{ ...first!, gap: Buffer.from('#!/bin/') }, ...rest],
  }),
  'overlapping-entries': damaged('begins at byte 0', withHeaders(SCHEMA, {}, { offset: 0 })),
  'offset-past-the-end': damaged('begins at byte 4294967294', withHeaders(SCHEMA, {}, { offset: 0xfffffffe })),
  'manifest-past-the-end': damaged('it is not in the zip', withHeaders(MANIFEST, {}, { offset: 0xfffffff0 })),
  'wrong-size-in-directory': damaged('begins at byte', withHeaders(README, {}, { size: 9, storedSize: 9 })),
  'two-sizes-in-directory': damaged('its two sizes differ', withHeaders(PART, {}, { size: 9 })),
  'wrong-size-in-header': damaged('header contradicts the directory', withHeaders(README, { size: 9 }, {})),
  'wrong-size-in-manifest': damaged(
    `${PART}: its size is not the one in the manifest`,
    withManifest((manifest) => ({ ...manifest, parts: [{ ...manifest.parts[0]!, bytes: 4000 }] })),
  ),
  'wrong-name-in-header': damagedPart(
    'header contradicts the directory',
    withHeaders(PART, { name: PART.replace('1', '2') }, {}),
  ),
  'wrong-crc': damagedPart('its CRC-32 is another one', withHeaders(PART, {}, { crc32: 1 })),
  'wrong-crc-of-readme': damaged('its CRC-32 is another one', withHeaders(README, { crc32: 1 }, { crc32: 1 })),
  'wrong-descriptor': damagedPart('its descriptor contradicts the directory', {
    entries: (entries) =>
      entries.map((entry) => (entry.name === PART ? { ...entry, descriptor: Buffer.alloc(16) } : entry)),
  }),
  'encrypted-entry': damaged('it is encrypted', withHeaders(PART, { flags: 9 }, { flags: 9 })),
  'unknown-flag': damaged('unknown flags', withHeaders(PART, { flags: 0x48 }, { flags: 0x48 })),
  'flag-only-in-header': damaged('header contradicts the directory', withHeaders(README, { flags: 1 }, {})),
  'deflated-entry': damaged('compressed once more', withHeaders(PART, { method: 8 }, { method: 8 })),
  'deflated-manifest': damaged('compressed once more', withHeaders(MANIFEST, { method: 8 }, { method: 8 })),
  'deflated-only-in-header': damagedPart('header contradicts the directory', withHeaders(PART, { method: 8 }, {})),
  'link-entry': damaged('it is a link', withHeaders(README, {}, { attributes: 0xa1ff0000 })),
  'entry-on-another-disk': damaged('it is on another disk', withHeaders(PART, {}, { disk: 1 })),
  'entry-with-a-comment': damaged('it has a comment', withHeaders(PART, {}, { comment: 'hello' })),
  'extra-field': damaged(
    'unknown extra field',
    withHeaders(PART, {}, { extra: Buffer.from('5554050001aabbccdd', 'hex') }),
  ),
  'extra-field-in-header': damaged('begins at byte', withHeaders(README, { extra: Buffer.alloc(12) }, {})),
  'needs-another-zip': damaged('needs another zip', withHeaders(PART, {}, { versionNeeded: 63 })),
};

export const BROKEN_STRUCTURES: Record<string, BrokenArchive> = {
  'zip-comment': damaged('it has a comment', withEnd({ comment: Buffer.from('hello') })),
  'longest-zip-comment': damaged('it has a comment', withEnd({ comment: Buffer.alloc(65_535, 'c') })),
  'end-record-in-the-comment': damaged('directory is not where it says', {
    end: { comment: Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)]) },
  }),
  'count-too-large': damaged('cannot be read', withEnd({ entries: 6 })),
  'count-too-small': damaged('another length than its records', withEnd({ entries: 4 })),
  'count-of-65534': damaged('the most are', withEnd({ entries: 65_534 })),
  'count-of-65535-without-zip64': damaged('no zip64 end where it must be', withEnd({ entries: 65_535 })),
  'two-counts': damaged('several disks', withEnd({ entriesOnDisk: 1 })),
  'directory-too-far': damaged('directory is not where it says', withEnd({ directoryOffset: 100_000 })),
  'directory-too-long': damaged('directory is not where it says', withEnd({ directoryBytes: 100_000 })),
  'gap-behind-the-directory': damaged('directory is not where it says', withEnd({ gap: Buffer.alloc(5) })),
  'record-of-another-kind': damaged('something else where a record', withHeaders(PART, {}, { signature: 0x02014b51 })),
  'name-longer-than-the-directory': damaged('cannot be read', withHeaders(SUMS, {}, { nameLength: 60_000 })),
  'zip64-without-locator': damaged('no zip64 end where it must be', withEnd({ directoryOffset: 0xffffffff })),
  'zip64-locator-elsewhere': damaged('no zip64 end where it must be', withEnd({ zip64: { locator: 5n } })),
  'zip64-end-of-another-size': damaged('zip64 end contradicts itself', withEnd({ zip64: { size: 45n } })),
  'zip64-count-of-2-to-the-53': damaged('the most are', withEnd({ zip64: { entries: 2n ** 53n } })),
  'zip64-count-of-all-bits': damaged('the most are', withEnd({ zip64: { entries: 2n ** 64n - 1n } })),
  'zip64-count-too-large': damaged('something else where a record', withEnd({ zip64: { entries: 6n } })),
  'zip64-directory-at-all-bits': damaged(
    'directory is not where',
    withEnd({ zip64: { directoryOffset: 2n ** 64n - 1n } }),
  ),
  'zip64-directory-of-all-bits': damaged(
    'directory is not where',
    withEnd({ zip64: { directoryBytes: 2n ** 64n - 1n } }),
  ),
  'zip64-and-plain-end-disagree': damaged('two ends contradict', { end: { zip64: {}, directoryOffset: 17 } }),
  'zip64-size-without-field': damaged(
    'size is impossible',
    withHeaders(PART, {}, { size: 0xffffffff, storedSize: 0xffffffff }),
  ),
  'zip64-offset-without-field': damaged('offset is impossible', withHeaders(PART, {}, { offset: 0xffffffff })),
  'zip64-field-cut-off': damaged(
    'unknown extra field',
    withHeaders(PART, {}, { offset: 0xffffffff, extra: zip64Extra(1n).subarray(0, 8) }),
  ),
  'zip64-field-of-all-bits': damaged(
    'size is impossible',
    withHeaders(
      PART,
      {},
      {
        size: 0xffffffff,
        storedSize: 0xffffffff,
        offset: 0xffffffff,
        extra: zip64Extra(2n ** 64n - 1n, 2n ** 64n - 1n, 2n ** 64n - 1n),
      },
    ),
  ),
  'zip64-field-that-nobody-asked-for': damaged(
    'unknown extra field',
    withHeaders(PART, {}, { extra: zip64Extra(1n, 1n, 1n) }),
  ),
};
