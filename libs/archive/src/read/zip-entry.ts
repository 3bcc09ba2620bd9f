import { ArchiveDamagedError } from '../errors.js';
import { isEntryName, shown } from '../format/entry-names.js';
import {
  ATTRIBUTES,
  DATE,
  DESCRIPTOR,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_VERSION,
  HAS_DESCRIPTOR,
  IN_ZIP64_32,
  LOCAL_HEADER,
  LOCAL_HEADER_BYTES,
  MADE_BY,
  PLAIN_VERSION,
  STORED,
  ZIP64_EXTRA,
  ZIP64_EXTRA_BYTES,
  ZIP64_VERSION,
} from '../format/zip-layout.js';
import type { DirectoryRecord } from './zip-directory.js';

const UNIX = 3;
const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;
/** One stored entry: `[header][content][descriptor]`, without a gap to the next one. */
export interface ZipEntry {
  readonly name: string;
  /** Where its local header begins. */
  readonly offset: number;
  readonly headerBytes: number;
  /** Of the content. */
  readonly size: number;
  readonly descriptorBytes: number;
  readonly crc32: number;
  /** The zip version that its local header asks for. */
  readonly versionNeeded: number;
}

/** Bytes of the zip that the entry takes up. */
export function spanOf({ headerBytes, size, descriptorBytes }: ZipEntry): number {
  return headerBytes + size + descriptorBytes;
}

/** Throws ARCHIVE_DAMAGED unless the record is of a kind that archives have: a plain stored file of a known name. */
export function checkedEntry(record: DirectoryRecord): ZipEntry {
  const { name, file } = record;
  if (!isEntryName(name)) throw new ArchiveDamagedError(shown(name), 'archives have no entry of this name');
  const broken = RECORD_RULES.find(({ holds }) => !holds(record));
  if (broken) throw new ArchiveDamagedError(name, broken.otherwise);
  return {
    name,
    offset: file.offsetToLocalFileHeader,
    headerBytes: LOCAL_HEADER_BYTES + file.fileNameLength,
    size: file.compressedSize,
    descriptorBytes: (file.flags & HAS_DESCRIPTOR) === 0 ? 0 : DESCRIPTOR_BYTES,
    crc32: file.crc32,
    versionNeeded: localVersion(record),
  };
}

/** The local header must say what the directory says; `header` is the entry's first `headerBytes`. */
export function checkLocalHeader(entry: ZipEntry, header: Buffer): void {
  const described = entry.descriptorBytes > 0;
  const size = described ? 0 : entry.size;
  const fields: readonly (readonly [at: number, bytes: number, value: number])[] = [
    [0, 4, LOCAL_HEADER],
    [4, 2, entry.versionNeeded],
    [6, 2, described ? HAS_DESCRIPTOR : 0],
    [8, 2, STORED],
    [10, 4, DATE],
    [14, 4, described ? 0 : entry.crc32],
    [18, 4, size],
    [22, 4, size],
    [26, 2, entry.headerBytes - LOCAL_HEADER_BYTES],
    [28, 2, 0],
  ];
  const sound =
    fields.every(([at, bytes, value]) => header.readUIntLE(at, bytes) === value) &&
    header.toString('latin1', LOCAL_HEADER_BYTES) === entry.name;
  if (!sound) throw new ArchiveDamagedError(entry.name, 'its header contradicts the directory');
}

/** The bytes behind the content, if the entry has any there. */
export function checkDescriptor(entry: ZipEntry, descriptor: Buffer): void {
  if (entry.descriptorBytes === 0) return;
  const sound =
    descriptor.readUInt32LE(0) === DESCRIPTOR &&
    descriptor.readUInt32LE(4) === entry.crc32 &&
    descriptor.readUInt32LE(8) === entry.size &&
    descriptor.readUInt32LE(12) === entry.size;
  if (!sound) throw new ArchiveDamagedError(entry.name, 'its descriptor contradicts the directory');
}

interface RecordRule {
  readonly holds: (record: DirectoryRecord) => boolean;
  readonly otherwise: string;
}

const RECORD_RULES: readonly RecordRule[] = [
  { holds: ({ file }) => (file.flags & 1) === 0, otherwise: 'it is encrypted' },
  { holds: ({ file }) => (file.flags & ~HAS_DESCRIPTOR) === 0, otherwise: 'it has unknown flags' },
  { holds: ({ file }) => file.compressionMethod === STORED, otherwise: 'it is compressed once more by the zip' },
  { holds: ({ file }) => file.diskNumber === 0, otherwise: 'it is on another disk' },
  { holds: ({ file }) => file.fileCommentLength === 0, otherwise: 'it has a comment' },
  { holds: ({ file }) => !isSpecialFile(file), otherwise: 'it is a link or another special file' },
  { holds: ({ file }) => file.versionMadeBy === MADE_BY, otherwise: 'another tool made it' },
  { holds: ({ file }) => isDated(file), otherwise: 'it has a date of its own' },
  {
    holds: ({ file }) => file.externalFileAttributes === ATTRIBUTES && file.internalFileAttributes === 0,
    otherwise: 'it has attributes of its own',
  },
  { holds: hasOnlyZip64Extra, otherwise: 'it has an unknown extra field' },
  { holds: ({ file }) => isSize(file.compressedSize), otherwise: 'its size is impossible' },
  { holds: ({ file }) => file.compressedSize === file.uncompressedSize, otherwise: 'its two sizes differ' },
  { holds: ({ file }) => isOffset(file.offsetToLocalFileHeader), otherwise: 'its offset is impossible' },
  { holds: needsKnownZip, otherwise: 'it needs another zip' },
];

function isSpecialFile(file: DirectoryRecord['file']): boolean {
  if (file.versionMadeBy >> 8 !== UNIX) return false;
  const type = (file.externalFileAttributes >>> 16) & FILE_TYPE;
  return type !== REGULAR_FILE && type !== 0;
}

function needsKnownZip({ extra, file }: DirectoryRecord): boolean {
  const known = extra.length > 0 ? [ZIP64_VERSION] : [PLAIN_VERSION, DESCRIPTOR_VERSION];
  return known.includes(file.versionsNeededToExtract);
}

/** The header is written before it is known that a number of the directory will be in zip64 form. */
function localVersion({ extra, file }: DirectoryRecord): number {
  if (extra.length === 0) return file.versionsNeededToExtract;
  return (file.flags & HAS_DESCRIPTOR) === 0 ? PLAIN_VERSION : DESCRIPTOR_VERSION;
}

function isDated({ lastModifiedDate, lastModifiedTime }: DirectoryRecord['file']): boolean {
  return lastModifiedDate === DATE >>> 16 && lastModifiedTime === (DATE & 0xffff);
}

/** None, or all three numbers in zip64 form, which is how entries behind the fourth GiB are written. */
function hasOnlyZip64Extra({ extra, file }: DirectoryRecord): boolean {
  if (extra.length === 0) return true;
  const numbers = Object.keys(file.extra as object).length;
  return extra.length === ZIP64_EXTRA_BYTES && extra.subarray(0, 4).equals(ZIP64_EXTRA) && numbers === 3;
}

/** Below 4 GiB: no entry of an archive is larger. unzipper gives null for a number it did not find. */
function isSize(size: number | null): boolean {
  return size !== null && size < IN_ZIP64_32;
}

function isOffset(offset: number | null): boolean {
  return Number.isSafeInteger(offset);
}
