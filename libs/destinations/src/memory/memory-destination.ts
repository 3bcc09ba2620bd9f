import { createHash } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { abortReason } from '@tidemark/platform';

import type { ArchiveDraft, ArchiveSource, AttemptId, Destination, SealedArchive } from '../destination.js';
import { ArchiveNotFoundError, DeliveryLostError } from '../errors.js';
import { checkRange } from '../range.js';
import { fenceOfTemp, tempName } from '../temp-name.js';

const NAME = 'archive.zip';

/**
 * A destination for tests that need no disk. Several of them over one `folder` (name -> content) are what several
 * processes are to one file; `archive.zip` in it is the archive, everything else its temps.
 */
export class MemoryDestination implements Destination {
  readonly display = `memory:${NAME}`;
  readonly isRemote = false;

  constructor(private readonly folder = new Map<string, Buffer>()) {}

  async draft(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft> {
    await turn(signal);
    if (this.#fences(attempt.jobId).some((fence) => fence >= attempt.fence)) throw this.#lost();
    this.#remove(attempt.jobId, attempt.fence - 1);
    return new MemoryDraft({ folder: this.folder, temp: tempName(NAME, attempt), display: this.display, signal });
  }

  async takeUp(_attempt: AttemptId, signal: AbortSignal): Promise<undefined> {
    await turn(signal);
  }

  async finish(sealed: SealedArchive, attempt: AttemptId, signal: AbortSignal): Promise<void> {
    await turn(signal);
    const fence = fenceOfTemp(sealed.temp, NAME, attempt.jobId);
    if (fence === undefined || fence > attempt.fence) throw this.#lost();
    const content = this.folder.get(sealed.temp) ?? this.folder.get(NAME);
    if (content?.length !== sealed.bytes || sha256(content) !== sealed.sha256) throw this.#lost();
    this.folder.set(NAME, content);
    this.folder.delete(sealed.temp);
  }

  async open(signal: AbortSignal): Promise<ArchiveSource> {
    await turn(signal);
    const content = this.folder.get(NAME);
    if (content === undefined) throw new ArchiveNotFoundError(this.display);
    return new MemorySource(content);
  }

  async sweep(attempt: AttemptId, signal: AbortSignal): Promise<void> {
    await turn(signal);
    this.#remove(attempt.jobId, attempt.fence);
  }

  #remove(jobId: string, upTo: number): void {
    for (const fence of this.#fences(jobId)) {
      if (fence <= upTo) this.folder.delete(tempName(NAME, { jobId, fence }));
    }
  }

  #fences(jobId: string): number[] {
    return [...this.folder.keys()].flatMap((temp) => fenceOfTemp(temp, NAME, jobId) ?? []);
  }

  #lost(): DeliveryLostError {
    return new DeliveryLostError(this.display, 'its temp is not there as it was sealed');
  }
}

interface MemoryTemp {
  readonly folder: Map<string, Buffer>;
  readonly temp: string;
  readonly display: string;
  readonly signal: AbortSignal;
}

class MemoryDraft implements ArchiveDraft {
  readonly temp: string;
  readonly output: Writable;
  readonly destinationTouched = false;
  readonly isUnderWay = false;
  readonly #chunks: Buffer[] = [];
  #sealed: Promise<SealedArchive> | undefined;

  constructor(private readonly place: MemoryTemp) {
    this.temp = place.temp;
    place.folder.set(place.temp, Buffer.alloc(0));
    this.output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!place.signal.aborted) this.#chunks.push(Buffer.from(chunk));
        done(place.signal.aborted ? abortReason(place.signal) : null);
      },
    });
  }

  seal(): Promise<SealedArchive> {
    this.#sealed ??= this.#sealOnce();
    return this.#sealed;
  }

  async transfer(signal: AbortSignal): Promise<void> {
    await turn(signal);
    await this.seal();
  }

  async open(signal: AbortSignal): Promise<ArchiveSource> {
    await turn(signal);
    await this.seal();
    const content = this.place.folder.get(this.temp);
    if (content === undefined) throw new DeliveryLostError(this.place.display, 'its temp was removed');
    return new MemorySource(content);
  }

  discard(): Promise<void> {
    this.output.destroy();
    this.place.folder.delete(this.temp);
    return Promise.resolve();
  }

  async #sealOnce(): Promise<SealedArchive> {
    this.place.signal.throwIfAborted();
    if (!this.output.writableEnded) this.output.end();
    await finished(this.output);
    const content = Buffer.concat(this.#chunks);
    if (!this.place.folder.has(this.temp)) throw new DeliveryLostError(this.place.display, 'its temp was removed');
    this.place.folder.set(this.temp, content);
    return { temp: this.temp, bytes: content.length, sha256: sha256(content) };
  }
}

class MemorySource implements ArchiveSource {
  readonly size: number;

  constructor(private readonly content: Buffer) {
    this.size = content.length;
  }

  stream(offset: number, length: number, signal?: AbortSignal): Readable {
    const { start, end } = checkRange(offset, length, this.size);
    const { content } = this;
    const chunks = function* (): Generator<Buffer> {
      signal?.throwIfAborted();
      if (start < end) yield content.subarray(start, end);
    };
    return Readable.from(chunks(), { objectMode: false });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Lets others run, as a file system would. */
async function turn(signal: AbortSignal): Promise<void> {
  await new Promise(setImmediate);
  signal.throwIfAborted();
}
