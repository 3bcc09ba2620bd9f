import { finished } from 'node:stream/promises';

import type { ArchiveDraft, ArchiveSource, SealedArchive } from '../destination.js';
import { DeliveryLostError } from '../errors.js';
import type { FileOutput, WrittenFile } from './file-output.js';

/** What a draft asks of the folder that its temp lies in. */
export interface DraftPlace {
  readonly display: string;
  /** Makes the temp's name survive a power cut and remembers what was written. */
  sealed(archive: SealedArchive, written: WrittenFile): Promise<void>;
  /** Undefined when the temp has gone or is no longer the file that was sealed. */
  openTemp(temp: string): Promise<ArchiveSource | undefined>;
  /** Does nothing where there is no such temp. */
  removeTemp(temp: string): Promise<void>;
}

export class FileDraft implements ArchiveDraft {
  /** The old archive stays as it is until the new one takes its name in one step. */
  readonly destinationTouched = false;
  readonly isUnderWay = false;
  #seal: Promise<SealedArchive> | undefined;

  constructor(
    readonly temp: string,
    readonly output: FileOutput,
    private readonly place: DraftPlace,
  ) {}

  seal(): Promise<SealedArchive> {
    this.#seal ??= this.#sealOnce();
    return this.#seal;
  }

  /** It lies where it shall stay. */
  async transfer(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.seal();
  }

  async open(signal: AbortSignal): Promise<ArchiveSource> {
    signal.throwIfAborted();
    await this.seal();
    const source = await this.place.openTemp(this.temp);
    return source ?? this.#lost();
  }

  async discard(): Promise<void> {
    this.output.destroy();
    await finished(this.output).catch(() => undefined);
    await this.place.removeTemp(this.temp);
  }

  async #sealOnce(): Promise<SealedArchive> {
    if (!this.output.writableEnded) this.output.end();
    await finished(this.output);
    const { written } = this.output;
    if (written === undefined) throw new Error('the output finished and does not know what it wrote');
    if (written.stats.nlink === 0n) this.#lost();
    const archive = { temp: this.temp, bytes: written.bytes, sha256: written.sha256 };
    await this.place.sealed(archive, written);
    return archive;
  }

  #lost(): never {
    throw new DeliveryLostError(this.place.display, 'a later attempt of the job has removed it');
  }
}
