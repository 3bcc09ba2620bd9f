import { createHash } from 'node:crypto';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { ensureFolder, unlessMissing } from '@tidemark/platform';

import type { ArchiveDraft, ArchiveSource, AttemptId, SealedArchive } from '../destination.js';
import { DeliveryLostError } from '../errors.js';
import { withFileErrors } from '../file/errno.js';
import { FileDestination } from '../file/file-destination.js';
import { FileSource, sha256Of } from '../file/file-source.js';
import { fenceOfTemp, isTempFor, tempName } from '../temp-name.js';
import { readRecord } from './upload-record.js';

/** A draft that lies in the spool, before and while it is sent. */
export type SpooledDraft = Pick<ArchiveDraft, 'temp' | 'output' | 'seal' | 'open' | 'discard'>;

const RECORD = '.sent';

/** The files of one URL in the spool: what attempts write, as in a folder of archives, and how far they sent it. */
export class HttpSpool {
  readonly name: string;
  readonly #files: FileDestination;

  constructor(
    private readonly folder: string,
    private readonly place: { readonly url: URL; readonly display: string },
  ) {
    this.name = `http-${createHash('sha256').update(place.url.href).digest('hex').slice(0, 24)}.zip`;
    const display = `the spooled archive for ${place.display}`;
    this.#files = new FileDestination({ root: folder, path: join(folder, this.name), display, doing: 'SPOOLING' });
  }

  recordOf(temp: string): string {
    return join(this.folder, `${temp}${RECORD}`);
  }

  async draft(attempt: AttemptId, signal: AbortSignal): Promise<SpooledDraft> {
    signal.throwIfAborted();
    await this.#safely(() => ensureFolder(this.folder));
    const draft = await this.#files.draft(attempt, signal);
    await this.#removeOrphans();
    return draft;
  }

  /** Gives what an earlier attempt had begun to send the name of this one, and looks whether it is whole. */
  async takeUp(attempt: AttemptId, signal: AbortSignal): Promise<TakenUp | undefined> {
    signal.throwIfAborted();
    const earlier = await this.#sentBefore(attempt);
    if (earlier === undefined) return undefined;
    const temp = tempName(this.name, attempt);
    const taken = await this.#safely(async () => {
      await unlessMissing(rename(this.recordOf(earlier), this.recordOf(temp)));
      return unlessMissing(rename(join(this.folder, earlier), join(this.folder, temp)).then(() => true));
    });
    const record = await readRecord(this.recordOf(temp));
    if (taken === undefined || record === undefined) return undefined;
    const { bytes, sha256 } = record.upload;
    const draft = new TakenUp({ temp, bytes, sha256 }, { spool: this, isHeldBack: record.isHeldBack });
    const source = await draft.open(signal);
    try {
      if (source.size === bytes && (await sha256Of(source, signal)) === sha256) return draft;
    } finally {
      await source.close();
    }
    await draft.discard();
    return undefined;
  }

  async openTemp(temp: string): Promise<ArchiveSource> {
    const source = await this.#safely(async () => {
      const handle = await unlessMissing(open(join(this.folder, temp)));
      return handle && new FileSource({ handle, stats: await handle.stat({ bigint: true }) }, this.place.display);
    });
    if (source === undefined) throw new DeliveryLostError(this.place.display, 'a later attempt has removed it');
    return source;
  }

  async remove(temp: string): Promise<void> {
    await unlessMissing(unlink(join(this.folder, temp)));
    await unlessMissing(unlink(this.recordOf(temp)));
  }

  async sweep(attempt: AttemptId, signal: AbortSignal): Promise<void> {
    await this.#files.sweep(attempt, signal);
    await this.#removeOrphans();
  }

  async #sentBefore({ jobId, fence }: AttemptId): Promise<string | undefined> {
    const names = await this.#names();
    const temps = names
      .map((temp) => ({ temp, fence: fenceOfTemp(temp, this.name, jobId) ?? Infinity }))
      .filter((found) => found.fence < fence && names.includes(`${found.temp}${RECORD}`));
    return temps.sort((a, b) => b.fence - a.fence)[0]?.temp;
  }

  /** Records of archives that have gone. */
  async #removeOrphans(): Promise<void> {
    const names = await this.#names();
    const temps = names.filter((name) => name.endsWith(RECORD)).map((name) => name.slice(0, -RECORD.length));
    for (const temp of temps) {
      if (isTempFor(temp, this.name) && !names.includes(temp)) await unlessMissing(unlink(this.recordOf(temp)));
    }
  }

  async #names(): Promise<string[]> {
    return (await unlessMissing(readdir(this.folder))) ?? [];
  }

  #safely<T>(work: () => Promise<T>): Promise<T> {
    return withFileErrors(`the spool for ${this.place.display}`, 'SPOOLING', work);
  }
}

class TakenUp implements SpooledDraft {
  readonly temp: string;
  /** Whether its destination is known to keep what lay there until the last byte has come. */
  readonly isHeldBack: boolean;
  /** Everything is written already. */
  readonly output = new Writable().destroy();

  constructor(
    private readonly archive: SealedArchive,
    private readonly at: { readonly spool: HttpSpool; readonly isHeldBack: boolean },
  ) {
    this.temp = archive.temp;
    this.isHeldBack = at.isHeldBack;
  }

  seal(): Promise<SealedArchive> {
    return Promise.resolve(this.archive);
  }

  async open(signal: AbortSignal): Promise<ArchiveSource> {
    signal.throwIfAborted();
    return this.at.spool.openTemp(this.temp);
  }

  async discard(): Promise<void> {
    await this.at.spool.remove(this.temp);
  }
}
