import { createHash, type Hash } from 'node:crypto';
import { pipeline, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

import type { ByteSource } from '../byte-source.js';
import { ArchiveDamagedError, ArchiveTruncatedError } from '../errors.js';
import { destroyOnAbort, orAbort } from '../streams/abort.js';
import { CheckingTransform } from '../streams/checking-transform.js';
import { openRange } from './source-reader.js';
import { checkDescriptor, checkLocalHeader, spanOf, type ZipEntry } from './zip-entry.js';

export interface EntryStreamOptions {
  /** Checked as well where given. */
  readonly sha256?: string;
  readonly signal?: AbortSignal | undefined;
}

/** An entry's content out of one closed range. Ends only when header, size, CRC-32 and descriptor were right. */
export function streamEntry(source: ByteSource, entry: ZipEntry, options: EntryStreamOptions = {}): Readable {
  const { sha256, signal } = options;
  const content = new EntryContent(entry, sha256);
  pipeline(openRange(source, { offset: entry.offset, length: spanOf(entry) }, signal), content, () => undefined);
  destroyOnAbort(content, signal);
  return content;
}

/** Reads an entry to its end, out of lent memory where the source has any; throws what {@link streamEntry} ends with. */
export async function checkEntry(source: ByteSource, entry: ZipEntry, options: EntryStreamOptions): Promise<void> {
  if (!source.lend) return finished(streamEntry(source, entry, options).resume());
  const reading = takeAll(
    source.lend(entry.offset, spanOf(entry), options.signal),
    new EntryCheck(entry, options.sha256),
  );
  await (options.signal ? orAbort(reading, options.signal) : reading);
}

async function takeAll(chunks: AsyncIterable<Buffer>, check: EntryCheck): Promise<void> {
  for await (const chunk of chunks) check.take(chunk);
  check.end();
}

/** The content of an entry whose whole span is in memory, checked like that of {@link streamEntry}. */
export function contentOf(entry: ZipEntry, span: Buffer): Buffer {
  const end = entry.headerBytes + entry.size;
  const content = span.subarray(entry.headerBytes, end);
  checkLocalHeader(entry, span.subarray(0, entry.headerBytes));
  if (crc32(content) !== entry.crc32) throw wrongCrc(entry);
  checkDescriptor(entry, span.subarray(end));
  return content;
}

class EntryContent extends CheckingTransform {
  readonly #check: EntryCheck;

  constructor(entry: ZipEntry, sha256: string | undefined) {
    super();
    this.#check = new EntryCheck(entry, sha256);
  }

  protected override onChunk(chunk: Buffer): void {
    const content = this.#check.take(chunk);
    if (content.length > 0) this.push(content);
  }

  protected override onEnd(): void {
    this.#check.end();
  }
}

/** Holds the bytes of an entry, as they come, against what the directory says of it; throws where they differ. */
class EntryCheck {
  readonly #header: Buffer;
  readonly #descriptor: Buffer;
  readonly #sha256: Hash | undefined;
  #crc32 = 0;
  #at = 0;

  constructor(
    private readonly entry: ZipEntry,
    private readonly sha256: string | undefined,
  ) {
    this.#header = Buffer.alloc(entry.headerBytes);
    this.#descriptor = Buffer.alloc(entry.descriptorBytes);
    this.#sha256 = sha256 === undefined ? undefined : createHash('sha256');
  }

  /** What of the chunk is content; keeps nothing of it. */
  take(chunk: Buffer): Buffer {
    const { headerBytes, size } = this.entry;
    const from = this.#at;
    const contentFrom = Math.min(chunk.length, Math.max(0, headerBytes - from));
    const contentTo = Math.min(chunk.length, Math.max(contentFrom, headerBytes + size - from));
    const content = chunk.subarray(contentFrom, contentTo);
    this.#at += chunk.length;
    chunk.copy(this.#header, from, 0, contentFrom);
    if (from < headerBytes && this.#at >= headerBytes) checkLocalHeader(this.entry, this.#header);
    if (content.length > 0) {
      this.#crc32 = crc32(content, this.#crc32);
      this.#sha256?.update(content);
    }
    if (this.#at > spanOf(this.entry)) throw new Error(`the source brought more of ${this.entry.name} than asked for`);
    if (contentTo < chunk.length) chunk.copy(this.#descriptor, from + contentTo - headerBytes - size, contentTo);
    return content;
  }

  /** After the last chunk. */
  end(): void {
    const { entry } = this;
    if (this.#at < spanOf(entry)) throw new ArchiveTruncatedError(`it ended inside ${entry.name}`);
    if (this.#crc32 !== entry.crc32) throw wrongCrc(entry);
    checkDescriptor(entry, this.#descriptor);
    if (this.#sha256 && this.#sha256.digest('hex') !== this.sha256) {
      throw new ArchiveDamagedError(entry.name, 'its SHA-256 is another one');
    }
  }
}

function wrongCrc({ name }: ZipEntry): ArchiveDamagedError {
  return new ArchiveDamagedError(name, 'its CRC-32 is another one');
}
