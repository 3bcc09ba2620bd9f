import { createHash, type Hash } from 'node:crypto';
import { pipeline, type Readable } from 'node:stream';
import { crc32 } from 'node:zlib';

import type { ByteSource } from '../byte-source.js';
import { ArchiveDamagedError, ArchiveTruncatedError } from '../errors.js';
import { destroyOnAbort } from '../streams/abort.js';
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
  readonly #header: Buffer[] = [];
  readonly #descriptor: Buffer[] = [];
  readonly #sha256: Hash | undefined;
  #crc32 = 0;
  #at = 0;

  constructor(
    private readonly entry: ZipEntry,
    private readonly sha256: string | undefined,
  ) {
    super();
    this.#sha256 = sha256 === undefined ? undefined : createHash('sha256');
  }

  protected override onChunk(chunk: Buffer): void {
    const { headerBytes, size } = this.entry;
    const contentFrom = Math.max(0, headerBytes - this.#at);
    const contentTo = Math.max(contentFrom, headerBytes + size - this.#at);
    const headerBefore = this.#at < headerBytes;
    if (headerBefore) this.#header.push(chunk.subarray(0, contentFrom));
    this.#at += chunk.length;
    if (headerBefore && this.#at >= headerBytes) checkLocalHeader(this.entry, Buffer.concat(this.#header));
    this.#pass(chunk.subarray(contentFrom, contentTo));
    if (contentTo < chunk.length) this.#descriptor.push(chunk.subarray(contentTo));
    if (this.#at > spanOf(this.entry)) throw new Error(`the source brought more of ${this.entry.name} than asked for`);
  }

  protected override onEnd(): void {
    const { entry } = this;
    if (this.#at < spanOf(entry)) throw new ArchiveTruncatedError(`it ended inside ${entry.name}`);
    if (this.#crc32 !== entry.crc32) throw wrongCrc(entry);
    checkDescriptor(entry, Buffer.concat(this.#descriptor));
    if (this.#sha256 && this.#sha256.digest('hex') !== this.sha256) {
      throw new ArchiveDamagedError(entry.name, 'its SHA-256 is another one');
    }
  }

  #pass(content: Buffer): void {
    if (content.length === 0) return;
    this.#crc32 = crc32(content, this.#crc32);
    this.#sha256?.update(content);
    this.push(content);
  }
}

function wrongCrc({ name }: ZipEntry): ArchiveDamagedError {
  return new ArchiveDamagedError(name, 'its CRC-32 is another one');
}
