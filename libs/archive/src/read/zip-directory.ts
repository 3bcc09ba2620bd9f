import { Readable } from 'node:stream';

import { Open, type CentralDirectory, type File } from 'unzipper';

import { ArchiveDamagedError } from '../errors.js';
import { MAX_DIRECTORY_BYTES } from '../format/limits.js';
import { END_BYTES, RECORD, RECORD_BYTES } from '../format/zip-layout.js';
import type { SourceReader } from './source-reader.js';
import type { ZipEnd } from './zip-end.js';

const WHERE = 'the directory of the zip';

/** An entry of the directory as it is written there, checked for nothing but that it can be read. */
export interface DirectoryRecord {
  readonly name: string;
  readonly file: Omit<File, 'comment'>;
  /** The extra field's bytes. */
  readonly extra: Buffer;
}

/** Reads the directory as a whole: never more than `maxEntries` records and {@link MAX_DIRECTORY_BYTES}. */
export async function readDirectory(reader: SourceReader, end: ZipEnd, maxEntries: number): Promise<DirectoryRecord[]> {
  if (end.entries > maxEntries) throw damaged(`it has ${end.entries} entries, the most are ${maxEntries}`);
  if (end.directoryBytes > MAX_DIRECTORY_BYTES) throw damaged(`it is over ${MAX_DIRECTORY_BYTES} bytes`);
  if (end.entries * RECORD_BYTES > end.directoryBytes) throw damaged('it is too small for its entries');
  const offset = end.directoryOffset;
  const bytes = await reader.read(offset, reader.size - offset);
  const files = await parse(bytes, offset, end.commentBytes);
  return withExtras(files, bytes.subarray(0, end.directoryBytes));
}

interface DirectorySource {
  readonly size: () => Promise<number>;
  readonly stream: (offset: number, length?: number) => Readable;
}

/** The types of unzipper do not know the options that its code takes. */
const openDirectory: (source: DirectorySource, options: { tailSize: number }) => Promise<CentralDirectory> =
  Open.custom;

/**
 * Lets unzipper parse the end of the zip out of memory, where no range can fail or stall. Told the exact tail, it finds
 * the right end record; on its own it would take the first four bytes that look like one, inside a part too.
 */
async function parse(bytes: Buffer, offset: number, commentBytes: number): Promise<File[]> {
  const source: DirectorySource = {
    size: () => Promise.resolve(offset + bytes.length),
    stream: (start) => Readable.from([bytes.subarray(start - offset)], { objectMode: false }),
  };
  try {
    return (await openDirectory(source, { tailSize: END_BYTES + commentBytes })).files;
  } catch (error) {
    throw new ArchiveDamagedError(WHERE, 'it cannot be read', error);
  }
}

/** unzipper neither looks at a record's signature nor at what is left over behind the last one. */
function withExtras(files: readonly File[], directory: Buffer): DirectoryRecord[] {
  let at = 0;
  const records = files.map((file) => {
    if (file.signature !== RECORD) throw damaged('it has something else where a record must be');
    const extraAt = at + RECORD_BYTES + file.fileNameLength;
    at = extraAt + file.extraFieldLength + file.fileCommentLength;
    const extra = directory.subarray(extraAt, extraAt + file.extraFieldLength);
    return { name: file.path, file, extra };
  });
  if (at !== directory.length) throw damaged('it has another length than its records');
  return records;
}

function damaged(what: string): ArchiveDamagedError {
  return new ArchiveDamagedError(WHERE, what);
}
