import type { FileHandle } from 'node:fs/promises';

import { RequestMalformedError } from '@tidemark/nest';
import { errnoOf, writeAt, type Clock } from '@tidemark/platform';

import type { Precondition } from '../archives/preconditions.js';
import { TooManyUploadsError, UploadConflictError, withRoom } from '../errors.js';
import type { Chunk } from '../ranges/content-range.js';
import type { Slice } from '../ranges/range.js';
import type { ArchiveFolder } from './archive-folder.js';
import { Coverage } from './coverage.js';
import type { SendingAttempt } from './fences.js';
import { isAt } from './is-at.js';
import { RangeLocks } from './range-locks.js';
import { sealPart, type UploadFiles, type UploadRecord } from './upload-files.js';

/** The archive that an upload has become, in this moment (`published`) or before; `created` where none had its name. */
export interface Whole {
  readonly published: boolean;
  readonly etag: string;
  readonly created: boolean;
}

/** What a chunk has made of its upload. `fresh`: it brought bytes that were not there. */
export interface Received {
  readonly fresh: boolean;
  readonly coverage: Coverage;
  readonly whole: Whole | undefined;
}

/** What an upload is of, and how it is told from others. */
export interface UploadFacts {
  readonly key: string;
  readonly name: string;
  readonly total: number;
  /** As the sender named it. */
  readonly upload?: string;
}

/** What came in an earlier process, or nothing. */
export interface UploadState {
  coverage: Coverage;
  touchedMicros: number;
  attempt?: SendingAttempt | undefined;
}

export interface UploadPlace {
  readonly files: UploadFiles;
  readonly folder: ArchiveFolder;
  readonly clock: Clock;
  /** Told in the same turn in which its archive has got its name. */
  readonly onWhole: (upload: Upload, etag: string) => void;
}

export interface ChunkCall {
  readonly attempt?: SendingAttempt | undefined;
  readonly chunk: Chunk;
  readonly body: AsyncIterable<Uint8Array>;
  readonly precondition: Precondition;
}

interface Pending {
  readonly slice: Slice;
  readonly handle: FileHandle;
  readonly precondition: Precondition;
  readonly settled: PromiseWithResolvers<Whole | undefined>;
}

/** The record of what has come stays small: a sender that goes from one end to the other needs few. */
const MAX_SLICES = 1024;

/** It has become an archive, or was dropped, before anything of a chunk was read. */
export class UploadOverError extends Error {
  override readonly name = 'UploadOverError';
}

/**
 * An archive that comes in chunks. A chunk counts once its bytes and the record that has them are synced; chunks that
 * end at about the same time share that. Bytes that count are never written again, only compared.
 */
export class Upload {
  readonly #locks = new RangeLocks();
  #pending: Pending[] = [];
  #committing: Promise<void> | undefined;
  #active = 0;
  #isDropped = false;
  #whole: Whole | undefined;
  #usedMillis: number;

  constructor(
    readonly facts: UploadFacts,
    private readonly place: UploadPlace,
    private readonly state: UploadState,
  ) {
    this.#usedMillis = place.clock.monotonicMillis();
  }

  get coverage(): Coverage {
    return this.state.coverage;
  }

  /** Of the sender's job: the latest that has sent a chunk. */
  get attempt(): SendingAttempt | undefined {
    return this.state.attempt;
  }

  /** When a chunk last came or ended. */
  get touchedMicros(): number {
    return this.#active > 0 ? this.place.clock.nowMicros() : this.state.touchedMicros;
  }

  /** How long nothing has come, and nothing has been on its way. */
  get idleMillis(): number {
    return this.#active > 0 ? 0 : this.place.clock.monotonicMillis() - this.#usedMillis;
  }

  /** Throws UploadOverError, UPLOAD_CONFLICT, DESTINATION_FULL, and what the body throws. */
  async receive(call: ChunkCall): Promise<Received> {
    this.#touch(1);
    this.state.attempt = call.attempt ?? this.state.attempt;
    try {
      const handle = await this.#openPart();
      try {
        return await this.#receiveInto(handle, call);
      } finally {
        await handle.close();
      }
    } finally {
      this.#touch(-1);
    }
  }

  /** Removes it, unless it becomes an archive in this moment: then false. */
  async drop(): Promise<boolean> {
    while (this.#committing) await this.#committing;
    if (this.#whole) return false;
    this.#isDropped = true;
    await this.place.files.remove();
    return true;
  }

  /** Throws UploadOverError where there is no part any more, before anything is read of a body. */
  async #openPart(): Promise<FileHandle> {
    if (this.#isDropped || this.#whole) throw new UploadOverError();
    try {
      return await this.place.files.openPart();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      while (this.#committing) await this.#committing; // it may have its archive's name, and nobody was told yet
      throw new UploadOverError();
    }
  }

  async #receiveInto(handle: FileHandle, { chunk, body, precondition }: ChunkCall): Promise<Received> {
    return await this.#locks.run({ start: chunk.start, end: chunk.mostEnd }, async () => {
      const { end, fresh } = await this.#write(handle, chunk, body);
      const slice = { start: chunk.start, end };
      const whole = await this.#commit({ slice, handle, precondition, settled: Promise.withResolvers() });
      return { fresh, coverage: this.coverage, whole };
    });
  }

  async #write(
    handle: FileHandle,
    { start, leastEnd, mostEnd }: Chunk,
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ end: number; fresh: boolean }> {
    let position = start;
    let fresh = false;
    for await (const bytes of body) {
      if (position + bytes.length > mostEnd) throw new RequestMalformedError('its body is longer than its range');
      if (await this.#put(handle, bytes, position)) fresh = true;
      position += bytes.length;
    }
    if (position !== leastEnd && position !== mostEnd) {
      throw new RequestMalformedError('its body is shorter than its range');
    }
    return { end: position, fresh };
  }

  /** Tells whether any of it was new. */
  async #put(handle: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
    let fresh = false;
    for (let done = 0; done < bytes.length;) {
      this.#checkGoing();
      const { covered, until } = this.coverage.at(position + done);
      const piece = bytes.subarray(done, Math.min(bytes.length, until - position));
      if (!covered) await withRoom(() => writeAt(handle, piece, position + done));
      else if (!(await isAt(handle, piece, position + done))) {
        throw new UploadConflictError('other bytes have come before in the same place of this upload');
      }
      fresh ||= !covered;
      done += piece.length;
    }
    return fresh;
  }

  async #commit(pending: Pending): Promise<Whole | undefined> {
    this.#pending.push(pending);
    this.#committing ??= this.#commitAll();
    return await pending.settled.promise;
  }

  /** Never fails: what went wrong is told to those whose chunks these are. */
  async #commitAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0);
      try {
        const whole = await this.#commitBatch(batch);
        for (const { settled } of batch) settled.resolve(whole);
      } catch (error) {
        for (const { settled } of batch) settled.reject(error);
      }
    }
    this.#committing = undefined;
  }

  async #commitBatch(batch: readonly Pending[]): Promise<Whole | undefined> {
    this.#checkGoing();
    if (this.#whole) return this.#whole;
    const coverage = this.coverage.with(batch.map(({ slice }) => slice));
    if (coverage.isWhole(this.facts.total)) return await this.#finish(coverage, batch);
    if (coverage.bytes === this.coverage.bytes) return undefined;
    if (coverage.slices.length > MAX_SLICES)
      throw new TooManyUploadsError('separate pieces of this upload', MAX_SLICES);
    await withRoom(async () => {
      await batch[0]?.handle.datasync();
      await this.place.files.writeRecord(this.#record(coverage));
    });
    this.state.coverage = coverage;
    return undefined;
  }

  /** The record of a named upload stays for a while, so that a chunk that is sent again is known. */
  async #finish(coverage: Coverage, batch: readonly Pending[]): Promise<Whole | undefined> {
    const [first] = batch;
    if (!first) return undefined;
    const { folder, clock, onWhole } = this.place;
    const etag = await sealPart(first.handle, clock);
    const isNamed = this.facts.upload !== undefined;
    if (isNamed) await withRoom(() => this.place.files.writeRecord({ ...this.#record(coverage), etag }));
    const { created } = await folder.publish(this.place.files.part, this.facts.name, (current) => {
      for (const { precondition } of batch) precondition(current);
    });
    this.#whole = { etag, created: false, published: false };
    this.state.coverage = coverage;
    onWhole(this, etag);
    if (!isNamed) await this.place.files.removeRecord();
    return { etag, created, published: true };
  }

  #record({ slices }: Coverage): UploadRecord {
    const { attempt } = this.state;
    return { ...this.facts, ...(attempt ? { attempt } : {}), covered: slices.map(({ start, end }) => [start, end]) };
  }

  #checkGoing(): void {
    if (this.#isDropped) throw new UploadConflictError('this upload was dropped');
  }

  #touch(change: 1 | -1): void {
    this.#active += change;
    this.#usedMillis = this.place.clock.monotonicMillis();
    this.state.touchedMicros = this.place.clock.nowMicros();
  }
}
