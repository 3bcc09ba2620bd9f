import fc from 'fast-check';

/** Support for the tests beside it (no test itself). Every kind of damage that a disk, a line or a hand does to a zip. */

/** A stretch of an archive, from `from` to before `to`. */
interface Region {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

interface Entry {
  readonly name: string;
  /** Where its local header begins, its content, and what comes behind that. */
  readonly header: number;
  readonly content: number;
  readonly end: number;
  /** Where its record in the directory begins. */
  readonly record: number;
}

export interface Damage {
  readonly what: string;
  readonly zip: Buffer;
  /** Nothing that was changed means anything: a date, or which tool made an entry for which file system. */
  readonly isMeaningless: boolean;
}

const END_BYTES = 22;
const RECORD_BYTES = 46;

/** The same damages for the same archive. */
export function* damagesOf(zip: Buffer, seed: number): Generator<Damage> {
  const entries = entriesOf(zip);
  const meaningless = meaninglessPositions(entries);
  for (const { name, from, to } of regionsOf(zip, entries)) {
    for (const at of someOf(from, to, seed, REGION_SAMPLES)) {
      yield damage(`a bit of ${name} at ${at}`, zip, { isMeaningless: meaningless.has(at) }, (bytes) => {
        bytes[at]! ^= 1 << (at % 8);
      });
    }
  }
  for (const at of someOf(0, zip.length, seed, 60)) {
    yield damage(`a byte at ${at}`, zip, { isMeaningless: meaningless.has(at) }, (bytes) => {
      bytes[at]! ^= 0xff;
    });
  }
  yield* damagedSectors(zip, seed);
  for (const length of someOf(0, zip.length, seed, 40)) yield made(`cut off at ${length}`, zip.subarray(0, length));
  yield* wrongPieces(zip, entries);
}

const REGION_SAMPLES = 7;
const SECTOR_BYTES = 512;

function* damagedSectors(zip: Buffer, seed: number): Generator<Damage> {
  for (const at of someOf(0, zip.length - 2 * SECTOR_BYTES, seed, 12)) {
    yield damage(`zeros from ${at}`, zip, {}, (bytes) => bytes.fill(0, at, at + SECTOR_BYTES));
    yield damage(`the next sector at ${at}`, zip, {}, (bytes) =>
      bytes.copyWithin(at, at + SECTOR_BYTES, at + 2 * SECTOR_BYTES),
    );
    yield made(`a sector less at ${at}`, without(zip, at, at + SECTOR_BYTES));
  }
}

function* wrongPieces(zip: Buffer, entries: readonly Entry[]): Generator<Damage> {
  for (const bytes of [1, 22, 100, 70_000]) {
    yield made(`${bytes} bytes appended`, Buffer.concat([zip, Buffer.alloc(bytes)]));
    yield made(`${bytes} bytes prepended`, Buffer.concat([Buffer.alloc(bytes), zip]));
  }
  yield made('twice', Buffer.concat([zip, zip]));
  yield made('as text, line ends changed', Buffer.from(zip.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'));
  yield made('as text, read as UTF-8', Buffer.from(zip.toString('utf8')));
  for (const [one, other] of pairsOf(entries.filter(({ name }) => name.startsWith('parts/')))) {
    yield made(`${one.name} and ${other.name} swapped`, swapped(zip, one, other));
    yield damage(`the records of ${one.name} and ${other.name} swapped`, zip, {}, (bytes) => {
      const [first, second] = [one, other].map(({ record, name }) =>
        zip.subarray(record, record + RECORD_BYTES + name.length),
      );
      second!.copy(bytes, one.record);
      first!.copy(bytes, other.record);
    });
    yield damage(`the names of ${one.name} and ${other.name} swapped`, zip, {}, (bytes) => {
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        bytes.write(from.name, to.record + RECORD_BYTES);
        bytes.write(from.name, to.header + 30);
      }
    });
  }
  for (const { name, header, end } of entries) yield made(`without ${name}`, without(zip, header, end));
}

function made(what: string, zip: Buffer): Damage {
  return { what, zip, isMeaningless: false };
}

function damage(what: string, zip: Buffer, facts: Partial<Damage>, change: (bytes: Buffer) => unknown): Damage {
  const bytes = Buffer.from(zip);
  change(bytes);
  return { what, zip: bytes, isMeaningless: zip.equals(bytes), ...facts };
}

function regionsOf(zip: Buffer, entries: readonly Entry[]): Region[] {
  return [
    ...entries.flatMap(({ name, header, content, end }, index): Region[] => {
      const next = entries[index + 1]?.header ?? entries[0]!.record;
      const descriptor = next > end ? [{ name: `the descriptor of ${name}`, from: end, to: next }] : [];
      return [
        { name: `the header of ${name}`, from: header, to: content },
        { name, from: content, to: end },
        ...descriptor,
      ];
    }),
    ...entries.map(({ name, record }) => ({
      name: `the record of ${name}`,
      from: record,
      to: record + RECORD_BYTES + name.length,
    })),
    { name: 'the end record', from: zip.length - END_BYTES, to: zip.length },
  ];
}

function entriesOf(zip: Buffer): Entry[] {
  const entries: Entry[] = [];
  const end = zip.length - END_BYTES;
  for (let record = zip.readUInt32LE(end + 16); record < end;) {
    const nameLength = zip.readUInt16LE(record + 28);
    const header = zip.readUInt32LE(record + 42);
    const content = header + 30 + nameLength;
    const name = zip.toString('utf8', record + RECORD_BYTES, record + RECORD_BYTES + nameLength);
    entries.push({ name, header, content, end: content + zip.readUInt32LE(record + 20), record });
    record += RECORD_BYTES + nameLength;
  }
  return entries;
}

function meaninglessPositions(entries: readonly Entry[]): Set<number> {
  const stretch = (from: number, bytes: number): number[] => Array.from({ length: bytes }, (_, n) => from + n);
  return new Set(
    entries.flatMap(({ header, record }) => [
      ...stretch(header + 10, 4), // its date
      ...stretch(record + 4, 2), // which tool made it
      ...stretch(record + 12, 4), // its date
      ...stretch(record + 36, 6), // attributes of the file to unpack to
    ]),
  );
}

function someOf(from: number, to: number, seed: number, count: number): number[] {
  const distinct = fc.uniqueArray(fc.integer({ min: from, max: to - 1 }), {
    minLength: Math.min(count, to - from),
    maxLength: count,
  });
  return fc.sample(distinct, { seed: seed + from, numRuns: 1 })[0] ?? [];
}

const without = (zip: Buffer, from: number, to: number): Buffer =>
  Buffer.concat([zip.subarray(0, from), zip.subarray(to)]);

/** With all that belongs to one entry where the other is, and the other way round. */
function swapped(zip: Buffer, one: Entry, other: Entry): Buffer {
  const pieces = [
    zip.subarray(0, one.content),
    zip.subarray(other.content, other.end),
    zip.subarray(one.end, other.content),
    zip.subarray(one.content, one.end),
    zip.subarray(other.end),
  ];
  return Buffer.concat(pieces);
}

function pairsOf<T>(values: readonly T[]): (readonly [T, T])[] {
  return values.slice(1).map((value, index) => [values[index]!, value] as const);
}
