import {
  ATTRIBUTES,
  DATE,
  DESCRIPTOR,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_VERSION,
  END,
  END_BYTES,
  HAS_DESCRIPTOR,
  IN_ZIP64_16,
  IN_ZIP64_32,
  LOCAL_HEADER,
  LOCAL_HEADER_BYTES,
  MADE_BY,
  PLAIN_VERSION,
  RECORD,
  RECORD_BYTES,
  STORED,
  ZIP64_END,
  ZIP64_END_BYTES,
  ZIP64_EXTRA,
  ZIP64_EXTRA_BYTES,
  ZIP64_LOCATOR,
  ZIP64_LOCATOR_BYTES,
  ZIP64_VERSION,
} from '../format/zip-layout.js';

/** A stored entry as the records around it and in the directory tell it. */
export interface EntryFacts {
  /** Of ASCII. */
  readonly name: string;
  /** Where its local header begins. */
  readonly offset: number;
  /** Whether CRC and size stand behind the content, in a descriptor, and not in the local header. */
  readonly isDescribed: boolean;
  readonly crc32: number;
  /** Below 4 GiB. */
  readonly size: number;
}

type Field = readonly [bytes: 2 | 4 | 8, value: number];

/** Of a described entry neither CRC nor size is looked at. */
export function localHeader(entry: EntryFacts): Buffer {
  const size = entry.isDescribed ? 0 : entry.size;
  const fields = recordOf(LOCAL_HEADER_BYTES, [
    [4, LOCAL_HEADER],
    ...kindOf(entry),
    [4, entry.isDescribed ? 0 : entry.crc32],
    [4, size],
    [4, size],
    [2, entry.name.length],
    [2, 0],
  ]);
  return Buffer.concat([fields, Buffer.from(entry.name, 'latin1')]);
}

export function descriptor({ crc32, size }: EntryFacts): Buffer {
  return recordOf(DESCRIPTOR_BYTES, [
    [4, DESCRIPTOR],
    [4, crc32],
    [4, size],
    [4, size],
  ]);
}

/** The directory with the end records behind it; `offset` is where it begins. */
export function directory(entries: readonly EntryFacts[], offset: number): Buffer {
  const records = Buffer.concat(entries.map(record));
  const place = { entries: entries.length, offset, bytes: records.length };
  return Buffer.concat([records, ...(offset >= IN_ZIP64_32 ? [zip64End(place), end(IN_ZIP64)] : [end(place)])]);
}

/** All three numbers of an entry are in zip64 form where its offset has to be. */
function record(entry: EntryFacts): Buffer {
  const { name, offset, crc32, size } = entry;
  const isZip64 = offset >= IN_ZIP64_32;
  const fields = recordOf(RECORD_BYTES, [
    [4, RECORD],
    [2, MADE_BY],
    ...kindOf(entry, isZip64),
    [4, crc32],
    [4, isZip64 ? IN_ZIP64_32 : size],
    [4, isZip64 ? IN_ZIP64_32 : size],
    [2, name.length],
    [2, isZip64 ? ZIP64_EXTRA_BYTES : 0],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, ATTRIBUTES],
    [4, isZip64 ? IN_ZIP64_32 : offset],
  ]);
  const extra = isZip64
    ? [
        ZIP64_EXTRA,
        recordOf(
          24,
          [size, size, offset].map((value) => [8, value]),
        ),
      ]
    : [];
  return Buffer.concat([fields, Buffer.from(name, 'latin1'), ...extra]);
}

/** Version needed, flags, method and date, which local header and directory both have. */
function kindOf({ isDescribed }: EntryFacts, isZip64 = false): readonly Field[] {
  const version = isDescribed ? DESCRIPTOR_VERSION : PLAIN_VERSION;
  return [
    [2, isZip64 ? ZIP64_VERSION : version],
    [2, isDescribed ? HAS_DESCRIPTOR : 0],
    [2, STORED],
    [4, DATE],
  ];
}

interface DirectoryPlace {
  readonly entries: number;
  readonly offset: number;
  readonly bytes: number;
}

const IN_ZIP64: DirectoryPlace = { entries: IN_ZIP64_16, offset: IN_ZIP64_32, bytes: IN_ZIP64_32 };

function end({ entries, offset, bytes }: DirectoryPlace): Buffer {
  return recordOf(END_BYTES, [
    [4, END],
    [2, 0],
    [2, 0],
    [2, entries],
    [2, entries],
    [4, bytes],
    [4, offset],
    [2, 0],
  ]);
}

/** The zip64 end record and the locator that leads to it. */
function zip64End({ entries, offset, bytes }: DirectoryPlace): Buffer {
  return recordOf(ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES, [
    [4, ZIP64_END],
    [8, ZIP64_END_BYTES - 12],
    [2, ZIP64_VERSION],
    [2, ZIP64_VERSION],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, bytes],
    [8, offset],
    [4, ZIP64_LOCATOR],
    [4, 0],
    [8, offset + bytes],
    [4, 1],
  ]);
}

function recordOf(length: number, fields: readonly Field[]): Buffer {
  const bytes = Buffer.alloc(length);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 8) bytes.writeBigUInt64LE(BigInt(value), at);
    else bytes.writeUIntLE(value, at, size);
    at += size;
  }
  return bytes;
}
