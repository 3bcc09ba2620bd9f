import { createHash } from 'node:crypto';

import { RequestMalformedError } from '@tidemark/nest';
import type { Clock, Logger } from '@tidemark/platform';

import { TooManyUploadsError, UploadConflictError, withRoom } from '../errors.js';
import type { Chunk } from '../ranges/content-range.js';
import type { ArchiveFolder, OpenedArchive } from './archive-folder.js';
import { Coverage } from './coverage.js';
import { Fences, type SendingAttempt } from './fences.js';
import { findUploadFiles, UploadFiles, type StoredUpload } from './upload-files.js';
import {
  Upload,
  UploadOverError,
  type ChunkCall,
  type Received,
  type UploadFacts,
  type UploadState,
} from './upload.js';
import { isAt } from './is-at.js';

/** Who sends what: by the name that the sender gave the upload, else by the sender's own. */
export interface UploadTarget {
  readonly name: string;
  readonly total: number;
  readonly upload: string | undefined;
  readonly userAgent: string;
}

/** An upload that has become an archive, kept so that a chunk that is sent again is known. */
interface EndedUpload {
  readonly files: UploadFiles;
  readonly name: string;
  readonly etag: string;
  readonly endedMicros: number;
}

export interface UploadsOptions {
  readonly folder: ArchiveFolder;
  readonly clock: Clock;
  readonly log: Logger;
}

const MAX_UPLOADS = 1000;
/** An upload that its sender gave no name starts over where nothing has come for so long. */
const START_OVER_MILLIS = 120_000;
/** What has not grown for so long is nobody's. */
const ABANDONED_MICROS = 24 * 60 * 60 * 1e6;

/** Every upload that is not whole yet. One process has a folder at a time. */
export class Uploads {
  readonly #going = new Map<string, Upload>();
  readonly #ended = new Map<string, EndedUpload>();
  readonly #fences = new Fences();

  private constructor(private readonly options: UploadsOptions) {}

  /** Goes on with what an earlier process left, and removes what nobody can go on with. */
  static async open(options: UploadsOptions): Promise<Uploads> {
    const uploads = new Uploads(options);
    for (const files of await findUploadFiles(options.folder)) {
      const stored = await files.read();
      if (!stored || !(await uploads.#take(stored))) await files.remove();
    }
    await uploads.sweep();
    return uploads;
  }

  get all(): readonly Upload[] {
    return [...this.#going.values()];
  }

  /** Throws UPLOAD_CONFLICT, DESTINATION_FULL, TOO_MANY_REQUESTS, REQUEST_MALFORMED, and what the precondition throws. */
  async receive(target: UploadTarget, call: ChunkCall): Promise<Received> {
    const key = keyOf(target);
    if (call.attempt) await this.#fence(key, target.name, call.attempt);
    for (;;) {
      const archive = await this.#endedArchive(key);
      if (archive) return await compare(archive, call);
      const upload = this.#going.get(key);
      if (!upload || this.#startsOver(upload)) await this.#start(key, target);
      else {
        const received = await this.#receiveBy(upload, call);
        if (received) return received;
      }
    }
  }

  /**
   * Removes what has come for a name: of one upload, or of all; an attempt that asks for it sends no more of it. Tells
   * whether there was anything.
   */
  async drop(name: string, { upload, attempt }: { upload?: string; attempt?: SendingAttempt } = {}): Promise<boolean> {
    if (attempt) {
      this.#fences.check(name, attempt);
      this.#fences.raise(name, { ...attempt, fence: attempt.fence + 1 }, this.options.clock.nowMicros());
    }
    const wanted = this.all.filter(
      ({ facts }) => facts.name === name && (upload === undefined || facts.upload === upload),
    );
    const dropped = await Promise.all(wanted.map((each) => this.#drop(each)));
    return dropped.includes(true);
  }

  /** Removes abandoned uploads, and forgets those that ended long ago. */
  async sweep(): Promise<void> {
    const before = this.options.clock.nowMicros() - ABANDONED_MICROS;
    for (const upload of this.all.filter(({ touchedMicros }) => touchedMicros < before)) {
      this.options.log.info({ archive: upload.facts.name }, 'an abandoned upload is removed');
      await this.#drop(upload);
    }
    this.#fences.forget(before);
    for (const [key, { endedMicros }] of this.#ended) if (endedMicros < before) await this.#forget(key);
  }

  /** What earlier attempts of the same job have sent of other bytes can become no archive any more. */
  async #fence(key: string, name: string, attempt: SendingAttempt): Promise<void> {
    this.#fences.check(name, attempt);
    if (!this.#fences.raise(name, attempt, this.options.clock.nowMicros())) return;
    const isEarlier = ({ facts, attempt: earlier }: Upload): boolean =>
      facts.name === name && facts.key !== key && earlier?.job === attempt.job && earlier.fence < attempt.fence;
    for (const upload of this.all.filter(isEarlier)) await this.#drop(upload);
  }

  /** Undefined where it was over before anything was read. */
  async #receiveBy(upload: Upload, call: ChunkCall): Promise<Received | undefined> {
    try {
      return await upload.receive(call);
    } catch (error) {
      if (error instanceof UploadConflictError) await this.#drop(upload);
      if (!(error instanceof UploadOverError)) throw error;
      if (this.#going.get(upload.facts.key) === upload) this.#going.delete(upload.facts.key);
      return undefined;
    }
  }

  #startsOver({ facts, idleMillis }: Upload): boolean {
    return facts.upload === undefined && idleMillis > START_OVER_MILLIS;
  }

  /** Ones like it that nobody goes on with make room first. */
  async #start(key: string, { name, total, upload }: UploadTarget): Promise<void> {
    const over = this.all.filter((each) => each.facts.name === name && this.#startsOver(each));
    for (const each of over) await this.#drop(each);
    if (this.#going.has(key)) return;
    if (this.#going.size >= MAX_UPLOADS) throw new TooManyUploadsError('uploads', MAX_UPLOADS);
    const { folder, clock } = this.options;
    const files = new UploadFiles(folder);
    await folder.checkRoom(total);
    await withRoom(async () => (await files.createPart(total)).close());
    if (this.#going.has(key)) await files.remove();
    else {
      const state = { coverage: Coverage.NONE, touchedMicros: clock.nowMicros() };
      const facts = { key, name, total, ...(upload === undefined ? {} : { upload }) };
      this.#going.set(key, this.#upload(facts, files, state));
    }
  }

  #upload(facts: UploadFacts, files: UploadFiles, state: UploadState): Upload {
    const { folder, clock } = this.options;
    const onWhole = ({ facts: { key, name, upload } }: Upload, etag: string): void => {
      this.#going.delete(key);
      if (upload !== undefined) this.#ended.set(key, { files, name, etag, endedMicros: clock.nowMicros() });
    };
    return new Upload(facts, { files, folder, clock, onWhole }, state);
  }

  async #drop(upload: Upload): Promise<boolean> {
    const { key } = upload.facts;
    if (this.#going.get(key) === upload) this.#going.delete(key);
    return await upload.drop();
  }

  /** False for what is of no use: a record whose part is gone, unless it has become the archive that is there. */
  async #take({ files, record, hasPart, writtenMicros }: StoredUpload): Promise<boolean> {
    const { covered, etag, key, name, total, upload, attempt } = record;
    if (attempt) this.#fences.raise(name, attempt, writtenMicros);
    if (this.#going.has(key) || this.#ended.has(key)) return false;
    if (hasPart) {
      const coverage = Coverage.of(covered.map(([start, end]) => ({ start, end: Math.min(end, total) })));
      const known = { key, name, total, ...(upload === undefined ? {} : { upload }) };
      this.#going.set(key, this.#upload(known, files, { coverage, touchedMicros: writtenMicros, attempt }));
      return true;
    }
    const there = await this.options.folder.look(name);
    if (etag === undefined || there?.etag !== etag) return false;
    this.#ended.set(key, { files, name, etag, endedMicros: writtenMicros });
    return true;
  }

  /** The archive that an upload has become, if it still is the one that is there. */
  async #endedArchive(key: string): Promise<OpenedArchive | undefined> {
    const ended = this.#ended.get(key);
    if (!ended) return undefined;
    const archive = await this.options.folder.open(ended.name);
    if (archive?.etag === ended.etag) return archive;
    await archive?.handle.close();
    await this.#forget(key);
    return undefined;
  }

  async #forget(key: string): Promise<void> {
    const ended = this.#ended.get(key);
    this.#ended.delete(key);
    await ended?.files.removeRecord();
  }
}

/** A chunk of an upload that is whole, again. Closes the archive. */
async function compare(archive: OpenedArchive, { chunk, body, precondition }: ChunkCall): Promise<Received> {
  try {
    precondition(archive.etag);
    let position = chunk.start;
    for await (const bytes of body) {
      if (!(await isAt(archive.handle, bytes, position))) {
        throw new UploadConflictError('this upload is complete, with other bytes in this place');
      }
      position += bytes.length;
    }
    checkEnd(position, chunk);
    const coverage = Coverage.of([{ start: 0, end: archive.bytes }]);
    return { fresh: false, coverage, whole: { etag: archive.etag, created: false, published: false } };
  } finally {
    await archive.handle.close();
  }
}

function checkEnd(position: number, { leastEnd, mostEnd }: Chunk): void {
  if (position !== leastEnd && position !== mostEnd) {
    throw new RequestMalformedError('its body is not as long as its range');
  }
}

function keyOf({ name, total, upload, userAgent }: UploadTarget): string {
  const sender = upload === undefined ? { userAgent } : { upload };
  return createHash('sha256')
    .update(JSON.stringify({ name, total, ...sender }))
    .digest('base64url');
}
