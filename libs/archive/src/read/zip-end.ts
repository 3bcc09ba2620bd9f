import { ArchiveDamagedError, ArchiveForeignError, ArchiveTruncatedError } from '../errors.js';
import {
  END,
  END_BYTES,
  IN_ZIP64_16,
  IN_ZIP64_32,
  LOCAL_HEADER,
  ZIP64_END,
  ZIP64_END_BYTES,
  ZIP64_LOCATOR,
  ZIP64_LOCATOR_BYTES,
  ZIP64_VERSION,
} from '../format/zip-layout.js';
import type { SourceReader } from './source-reader.js';

/** As they lie there. */
const LOCAL_HEADER_BEGIN = uint32(LOCAL_HEADER);
const END_BEGIN = uint32(END);
const MAX_COMMENT_BYTES = 0xffff;
/** What a zip64 end record says about its own size: without the first 12 bytes. */
const ZIP64_END_SIZE = BigInt(ZIP64_END_BYTES - 12);

const WHERE = 'the end of the zip';

/** Where a zip's directory is, as its end says. */
export interface ZipEnd {
  readonly entries: number;
  readonly directoryOffset: number;
  /** The directory ends where the end records begin. */
  readonly directoryBytes: number;
  readonly commentBytes: number;
}

type Zip64End = Omit<ZipEnd, 'commentBytes'>;

/**
 * Finds the end record, which is the last thing in a zip. Throws ARCHIVE_TRUNCATED for what begins as a zip and does
 * not end as one, ARCHIVE_FOREIGN for what is no zip, ARCHIVE_DAMAGED for an end that contradicts itself.
 */
export async function findZipEnd(reader: SourceReader): Promise<ZipEnd> {
  if (reader.size === 0) throw new ArchiveTruncatedError('it is empty');
  const tail = await reader.keepTail(END_BYTES + MAX_COMMENT_BYTES);
  const at = endRecordAt(tail);
  if (at === -1) throw await notAZip(reader);
  const record = tail.subarray(at);
  const offset = reader.size - tail.length + at;
  const plain = {
    entries: record.readUInt16LE(10),
    directoryBytes: record.readUInt32LE(12),
    directoryOffset: record.readUInt32LE(16),
    commentBytes: record.readUInt16LE(20),
  };
  if (record.readUInt32LE(4) !== 0 || record.readUInt16LE(8) !== plain.entries) throw damaged('it is of several disks');
  if (!isInZip64(plain)) return checkedEnd(plain, offset);
  const zip64 = await zip64End(reader, offset);
  if (!agrees(plain, zip64)) throw damaged('its two ends contradict each other');
  return checkedEnd({ ...plain, ...zip64 }, offset - ZIP64_LOCATOR_BYTES - ZIP64_END_BYTES);
}

/** Position of the end record whose comment ends where the tail does, -1 without one. */
function endRecordAt(tail: Buffer): number {
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    at = tail.lastIndexOf(END_BEGIN, at);
    if (at === -1) return -1;
    if (at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  return -1;
}

async function notAZip(reader: SourceReader): Promise<Error> {
  const start = await reader.read(0, Math.min(LOCAL_HEADER_BEGIN.length, reader.size));
  const beginsAsZip = LOCAL_HEADER_BEGIN.subarray(0, start.length).equals(start);
  return beginsAsZip
    ? new ArchiveTruncatedError('it begins as a zip and does not end as one')
    : new ArchiveForeignError('it is not a zip');
}

function isInZip64({ entries, directoryBytes, directoryOffset }: ZipEnd): boolean {
  return entries === IN_ZIP64_16 || directoryBytes === IN_ZIP64_32 || directoryOffset === IN_ZIP64_32;
}

/** What the plain end record says itself is what the zip64 one says. */
function agrees(plain: ZipEnd, zip64: Zip64End): boolean {
  return (
    [IN_ZIP64_16, zip64.entries].includes(plain.entries) &&
    [IN_ZIP64_32, zip64.directoryBytes].includes(plain.directoryBytes) &&
    [IN_ZIP64_32, zip64.directoryOffset].includes(plain.directoryOffset)
  );
}

/** The zip64 end record and its locator lie directly before the end record at `offset`. */
async function zip64End(reader: SourceReader, offset: number): Promise<Zip64End> {
  const start = offset - ZIP64_LOCATOR_BYTES - ZIP64_END_BYTES;
  if (start < 0) throw damaged('it has no zip64 end');
  const records = await reader.read(start, ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES);
  checkZip64Locator(records.subarray(ZIP64_END_BYTES), start);
  const entries = records.readBigUInt64LE(32);
  const sound =
    records.readUInt32LE(0) === ZIP64_END &&
    records.readBigUInt64LE(4) === ZIP64_END_SIZE &&
    records.readUInt16LE(12) === ZIP64_VERSION &&
    records.readUInt16LE(14) === ZIP64_VERSION &&
    records.readBigUInt64LE(16) === 0n &&
    records.readBigUInt64LE(24) === entries;
  if (!sound) throw damaged('its zip64 end contradicts itself');
  return {
    entries: Number(entries),
    directoryBytes: Number(records.readBigUInt64LE(40)),
    directoryOffset: Number(records.readBigUInt64LE(48)),
  };
}

function checkZip64Locator(locator: Buffer, start: number): void {
  const sound =
    locator.readUInt32LE(0) === ZIP64_LOCATOR &&
    locator.readUInt32LE(4) === 0 &&
    locator.readBigUInt64LE(8) === BigInt(start) &&
    locator.readUInt32LE(16) === 1;
  if (!sound) throw damaged('it has no zip64 end where it must be');
}

function checkedEnd(end: ZipEnd, endsAt: number): ZipEnd {
  if (end.directoryOffset + end.directoryBytes !== endsAt) throw damaged('the directory is not where it says');
  return end;
}

function damaged(what: string): ArchiveDamagedError {
  return new ArchiveDamagedError(WHERE, what);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
