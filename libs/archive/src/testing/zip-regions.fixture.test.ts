/** Support for the tests beside it and of whole systems (no test itself). An archive's bytes by what they are. */

/** A stretch of an archive, from `from` to before `to`. */
export interface Region {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

interface Entry {
  readonly name: string;
  /** Where its local header begins, its content, what comes behind that, and the next entry. */
  readonly header: number;
  readonly content: number;
  readonly end: number;
  readonly next: number;
  /** Where its record in the directory begins. */
  readonly record: number;
}

const END_BYTES = 22;
const RECORD_BYTES = 46;
const HEADER_BYTES = 30;

/** Every byte of an archive without zip64 is in exactly one of them. */
export function regionsOf(zip: Buffer): Region[] {
  const entries = entriesOf(zip);
  return [
    ...entries.flatMap(({ name, header, content, end, next }): Region[] => [
      { name: `the header of ${name}`, from: header, to: content },
      { name, from: content, to: end },
      ...(next > end ? [{ name: `the descriptor of ${name}`, from: end, to: next }] : []),
    ]),
    ...entries.map(({ name, record }) => ({
      name: `the record of ${name}`,
      from: record,
      to: record + RECORD_BYTES + name.length,
    })),
    { name: 'the end record', from: zip.length - END_BYTES, to: zip.length },
  ];
}

export function entriesOf(zip: Buffer): Entry[] {
  const entries: Omit<Entry, 'next'>[] = [];
  const end = zip.length - END_BYTES;
  const directory = zip.readUInt32LE(end + 16);
  for (let record = directory; record < end;) {
    const nameLength = zip.readUInt16LE(record + 28);
    const header = zip.readUInt32LE(record + 42);
    const content = header + HEADER_BYTES + nameLength;
    const name = zip.toString('utf8', record + RECORD_BYTES, record + RECORD_BYTES + nameLength);
    entries.push({ name, header, content, end: content + zip.readUInt32LE(record + 20), record });
    record += RECORD_BYTES + nameLength;
  }
  return entries.map((entry, index) => ({ ...entry, next: entries[index + 1]?.header ?? directory }));
}

export interface Changed {
  readonly what: string;
  readonly zip: Buffer;
}

/** With each part and the one behind it exchanged, in every way that leaves the zip as long as it was. */
export function* exchangedParts(zip: Buffer): Generator<Changed> {
  const parts = entriesOf(zip).filter(({ name }) => name.startsWith('parts/'));
  for (const [index, other] of parts.slice(1).entries()) {
    const one = parts[index]!;
    const both = `${one.name} and ${other.name}`;
    yield {
      what: `the contents of ${both} exchanged`,
      zip: exchanged(zip, [one.content, one.end], [other.content, other.end]),
    };
    yield { what: `all of ${both} exchanged`, zip: exchanged(zip, [one.header, one.next], [other.header, other.next]) };
    const records = [one, other].map(({ record, name }) => [record, record + RECORD_BYTES + name.length] as const);
    yield { what: `the records of ${both} exchanged`, zip: exchanged(zip, records[0]!, records[1]!) };
    yield {
      what: `the names of ${both} exchanged in the directory`,
      zip: renamed(zip, [one, other], { headers: false }),
    };
    yield { what: `the names of ${both} exchanged`, zip: renamed(zip, [one, other], { headers: true }) };
  }
}

type Stretch = readonly [from: number, to: number];

function exchanged(zip: Buffer, one: Stretch, other: Stretch): Buffer {
  return Buffer.concat([
    zip.subarray(0, one[0]),
    zip.subarray(...other),
    zip.subarray(one[1], other[0]),
    zip.subarray(...one),
    zip.subarray(other[1]),
  ]);
}

function renamed(zip: Buffer, [one, other]: readonly [Entry, Entry], { headers }: { headers: boolean }): Buffer {
  const bytes = Buffer.from(zip);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    bytes.write(from.name, to.record + RECORD_BYTES);
    if (headers) bytes.write(from.name, to.header + HEADER_BYTES);
  }
  return bytes;
}
