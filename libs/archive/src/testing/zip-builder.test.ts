import { crc32 } from 'node:zlib';

import { wholeOf, type SparseBytes } from './sparse-bytes.test.js';

/** Support for the tests beside it (no test itself). A zip with every field under the test's hand, lies included. */

/** Fields of an entry's two headers, where they shall not say the truth. */
export interface HeaderFields {
  readonly signature?: number;
  readonly versionNeeded?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly crc32?: number;
  readonly storedSize?: number;
  readonly size?: number;
  readonly name?: string;
  readonly nameLength?: number;
  readonly extra?: Buffer;
  /** Only in the directory. */
  readonly offset?: number;
  readonly comment?: string;
  readonly disk?: number;
  readonly madeBy?: number;
  readonly attributes?: number;
}

export interface CraftedEntry {
  readonly name: string;
  readonly content: Buffer;
  /** So many zero bytes behind the content, as part of it; its CRC-32 does not count them. */
  readonly zeros?: number;
  readonly local?: HeaderFields;
  readonly central?: HeaderFields;
  /** CRC and sizes behind the content, as for parts; overrides what is there. */
  readonly descriptor?: boolean | Buffer;
  /** Bytes in front of the entry that belong to none. */
  readonly gap?: Buffer;
  /** Not in the directory. */
  readonly hidden?: boolean;
}

export interface CraftedEnd {
  readonly entries?: number;
  readonly entriesOnDisk?: number;
  readonly directoryBytes?: number;
  readonly directoryOffset?: number;
  readonly comment?: Buffer;
  /** So many zero bytes behind the records, as part of the directory. */
  readonly zeros?: number;
  /** Bytes between the directory and the end records. */
  readonly gap?: Buffer;
  /** Writes zip64 records; their fields tell the truth unless given. */
  readonly zip64?: {
    entries?: bigint;
    directoryBytes?: bigint;
    directoryOffset?: bigint;
    locator?: bigint;
    size?: bigint;
  };
  /** Behind everything. */
  readonly trailer?: Buffer;
}

/** 1980-01-01. */
const DATE = 0x00210000;
/** What only the directory says: made by zip 4.5 on Unix, a regular file. */
const RECORD = { disk: 0, madeBy: 0x032d, attributes: 0x81a40020 };

export function craftZip(entries: readonly CraftedEntry[], end: CraftedEnd = {}): Buffer {
  return wholeOf(craftSparseZip(entries, end));
}

/** The same, with the zeros of its entries left out. */
export function craftSparseZip(entries: readonly CraftedEntry[], end: CraftedEnd = {}): SparseBytes {
  const pieces: { at: number; bytes: Buffer }[] = [];
  const records: Buffer[] = [];
  let at = 0;
  const add = (bytes: Buffer, zeros = 0): void => {
    pieces.push({ at, bytes });
    at += bytes.length + zeros;
  };
  for (const entry of entries) {
    if (entry.gap) add(entry.gap);
    if (!entry.hidden) records.push(directoryRecord(entry, at));
    const [header, behind] = localPieces(entry);
    add(Buffer.concat([header, entry.content]), entry.zeros);
    add(behind);
  }
  const directoryOffset = at;
  add(Buffer.concat(records), end.zeros);
  add(endRecords({ records, zeros: end.zeros ?? 0 }, directoryOffset, end));
  if (end.trailer) add(end.trailer);
  return { size: at, pieces };
}

/** A structure of so many bytes with these numbers in it, little endian. */
function structure(bytes: number, fields: readonly (readonly [at: number, bytes: number, value: number])[]): Buffer {
  const made = Buffer.alloc(bytes);
  for (const [at, length, value] of fields) made.writeUIntLE(value, at, length);
  return made;
}

function localPieces(entry: CraftedEntry): [header: Buffer, behind: Buffer] {
  const { content, zeros = 0, descriptor = false, local = {} } = entry;
  const truth = { crc32: crc32(content), size: content.length + zeros };
  const inHeader = descriptor ? { crc32: 0, size: 0 } : truth;
  const name = Buffer.from(local.name ?? entry.name);
  const extra = local.extra ?? Buffer.alloc(0);
  const said = headerFields(Boolean(descriptor), inHeader, local);
  const header = structure(30, [
    [0, 4, local.signature ?? 0x04034b50],
    [4, 2, said.versionNeeded],
    [6, 2, said.flags],
    [8, 2, said.method],
    [10, 4, DATE],
    [14, 4, said.crc32],
    [18, 4, said.storedSize],
    [22, 4, said.size],
    [26, 2, local.nameLength ?? name.length],
    [28, 2, extra.length],
  ]);
  return [Buffer.concat([header, name, extra]), descriptorOf(descriptor, truth)];
}

interface Truth {
  readonly crc32: number;
  readonly size: number;
}

/** What both headers of an entry have: the truth where the test does not say otherwise. */
function headerFields(described: boolean, truth: Truth, said: HeaderFields) {
  return { versionNeeded: 20, flags: described ? 8 : 0, method: 0, storedSize: truth.size, ...truth, ...said };
}

function descriptorOf(wanted: boolean | Buffer, truth: Truth): Buffer {
  if (Buffer.isBuffer(wanted)) return wanted;
  if (!wanted) return Buffer.alloc(0);
  return structure(16, [
    [0, 4, 0x08074b50],
    [4, 4, truth.crc32],
    [8, 4, truth.size],
    [12, 4, truth.size],
  ]);
}

function directoryRecord(entry: CraftedEntry, offset: number): Buffer {
  const { name, content, zeros = 0, descriptor = false, central = {} } = entry;
  const nameBytes = Buffer.from(central.name ?? name);
  const [extra, comment] = [central.extra ?? Buffer.alloc(0), Buffer.from(central.comment ?? '')];
  const truth = { crc32: crc32(content), size: content.length + zeros };
  const said = {
    ...RECORD,
    offset,
    nameLength: nameBytes.length,
    ...headerFields(Boolean(descriptor), truth, central),
  };
  const record = structure(46, [
    [0, 4, central.signature ?? 0x02014b50],
    [4, 2, said.madeBy],
    [6, 2, said.versionNeeded],
    [8, 2, said.flags],
    [10, 2, said.method],
    [12, 4, DATE],
    [16, 4, said.crc32],
    [20, 4, said.storedSize],
    [24, 4, said.size],
    [28, 2, said.nameLength],
    [30, 2, extra.length],
    [32, 2, comment.length],
    [34, 2, said.disk],
    [38, 4, said.attributes],
    [42, 4, said.offset],
  ]);
  return Buffer.concat([record, nameBytes, extra, comment]);
}

interface Directory {
  readonly records: readonly Buffer[];
  readonly zeros: number;
}

function endRecords({ records, zeros }: Directory, directoryOffset: number, end: CraftedEnd): Buffer {
  const directoryBytes = records.reduce((sum, record) => sum + record.length, zeros);
  const gap = end.gap ?? Buffer.alloc(0);
  const truth = { entries: records.length, directoryBytes, directoryOffset };
  const zip64 = end.zip64 ? zip64Records(truth, directoryOffset + directoryBytes + gap.length, end.zip64) : [];
  const said = end.zip64 ? { entries: 0xffff, directoryBytes: 0xffffffff, directoryOffset: 0xffffffff } : truth;
  const comment = end.comment ?? Buffer.alloc(0);
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.entriesOnDisk ?? end.entries ?? said.entries, 8);
  record.writeUInt16LE(end.entries ?? said.entries, 10);
  record.writeUInt32LE(end.directoryBytes ?? said.directoryBytes, 12);
  record.writeUInt32LE(end.directoryOffset ?? said.directoryOffset, 16);
  record.writeUInt16LE(comment.length, 20);
  return Buffer.concat([gap, ...zip64, record, comment]);
}

type Place = { entries: number; directoryBytes: number; directoryOffset: number };

function zip64Records(truth: Place, at: number, lies: NonNullable<CraftedEnd['zip64']>): Buffer[] {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(lies.size ?? 44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(lies.entries ?? BigInt(truth.entries), 24);
  record.writeBigUInt64LE(lies.entries ?? BigInt(truth.entries), 32);
  record.writeBigUInt64LE(lies.directoryBytes ?? BigInt(truth.directoryBytes), 40);
  record.writeBigUInt64LE(lies.directoryOffset ?? BigInt(truth.directoryOffset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(lies.locator ?? BigInt(at), 8);
  locator.writeUInt32LE(1, 16);
  return [record, locator];
}
