import { constants, open, unlink, type FileHandle } from 'node:fs/promises';

import { errnoOf, unlessMissing } from '@tidemark/platform';

import type { ArchiveDraft, ArchiveSource, AttemptId, Destination, SealedArchive } from '../destination.js';
import { ArchiveNotFoundError, DeliveryLostError } from '../errors.js';
import { fenceOfTemp, tempName } from '../temp-name.js';
import { deliver, type SealedHere } from './delivery.js';
import { withFileErrors, type Doing } from './errno.js';
import { FileDraft, type DraftPlace } from './file-draft.js';
import { FileOutput } from './file-output.js';
import { FileSource } from './file-source.js';
import { Folder, systemFolderAccess, type FolderAccess } from './folder.js';
import { checkReplaceable, isSameFile, openRegular } from './regular-file.js';
import { removeTemps, takeOver, type Named } from './temps.js';

export interface FilePlace {
  /** Of the folder that the archive must stay in, links on the way to it included. */
  readonly root: string;
  /** Where the root was found at the start. */
  readonly location?: string;
  /** Absolute path of the archive, below `root`. */
  readonly path: string;
  readonly display: string;
  readonly access?: FolderAccess;
  /** `SPOOLING` for a folder that archives only pass through. */
  readonly doing?: 'WRITING' | 'SPOOLING';
}

const FOR_A_NEW_TEMP = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const MODE = 0o600;

/** An archive in a folder: written under the name of a temp beside it, and given its own name in one step. */
export class FileDestination implements Destination {
  readonly display: string;
  readonly isRemote = false;
  readonly #writing: Doing;
  readonly #name: string;
  readonly #folders: readonly string[];
  readonly #sealedHere = new Map<string, SealedHere>();

  constructor(private readonly place: FilePlace) {
    this.display = place.display;
    this.#writing = place.doing ?? 'WRITING';
    const names = place.path.slice(place.root === '/' ? 1 : place.root.length + 1).split('/');
    this.#name = names.at(-1) ?? '';
    this.#folders = names.slice(0, -1);
  }

  async draft(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft> {
    signal.throwIfAborted();
    return this.#inFolder({ doing: this.#writing, create: true }, async (archive) => {
      await checkReplaceable(archive.folder, archive.name);
      await takeOver(archive, attempt);
      const temp = tempName(archive.name, attempt);
      const handle = await this.#create(archive.folder.at(temp));
      return new FileDraft(temp, this.#output(handle, signal), this.#draftPlace());
    });
  }

  /** A temp moves nowhere: to make it again costs no transfer. */
  takeUp(_attempt: AttemptId, signal: AbortSignal): Promise<undefined> {
    signal.throwIfAborted();
    return Promise.resolve(undefined);
  }

  async finish(sealed: SealedArchive, attempt: AttemptId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#inFolder({ doing: this.#writing }, async (archive) => {
      const fence = fenceOfTemp(sealed.temp, archive.name, attempt.jobId);
      if (fence === undefined || fence > attempt.fence) {
        throw new DeliveryLostError(this.display, 'its temp is not of this attempt or one before it');
      }
      await deliver(archive, { ...sealed, here: this.#sealedHere.get(sealed.temp) }, signal);
    });
  }

  async open(signal: AbortSignal): Promise<ArchiveSource> {
    signal.throwIfAborted();
    return this.#inFolder({ doing: 'READING' }, async ({ folder, name }) => {
      const file = await openRegular(folder, name);
      if (file === undefined) throw new ArchiveNotFoundError(this.display);
      return new FileSource(file, this.display);
    });
  }

  async sweep(attempt: AttemptId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#whereverItIs((archive) => removeTemps(archive, attempt));
  }

  #output(handle: FileHandle, signal: AbortSignal): FileOutput {
    return new FileOutput(handle, { display: this.display, doing: this.#writing }, signal);
  }

  #draftPlace(): DraftPlace {
    return {
      display: this.display,
      sealed: async (archive, { stats }) => {
        await this.#inFolder({ doing: this.#writing }, ({ folder }) => folder.sync());
        this.#sealedHere.set(archive.temp, { ...archive, stats });
      },
      openTemp: (temp) =>
        this.#inFolder({ doing: this.#writing }, async ({ folder }) => {
          const file = await openRegular(folder, temp);
          const here = this.#sealedHere.get(temp);
          if (file && here && isSameFile(file.stats, here.stats)) return new FileSource(file, this.display);
          await file?.handle.close();
          return undefined;
        }),
      removeTemp: (temp) => this.#whereverItIs(({ folder }) => unlessMissing(unlink(folder.at(temp)))),
    };
  }

  async #create(path: string): Promise<FileHandle> {
    try {
      return await open(path, FOR_A_NEW_TEMP, MODE);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      throw new DeliveryLostError(this.display, 'this very attempt is being run by another process');
    }
  }

  /** Looks the folder up anew each time: it is checked when it is used, and no descriptor outlives the use. */
  async #inFolder<T>(use: { doing: Doing; create?: boolean }, work: (archive: Named) => Promise<T>): Promise<T> {
    return withFileErrors(this.display, use.doing, async () => {
      const { root, location, access = systemFolderAccess } = this.place;
      const place = { root, location, names: this.#folders };
      const folder = await Folder.open(place, { create: use.create ?? false, access });
      try {
        return await work({ folder, name: this.#name, display: this.display });
      } finally {
        await folder.close();
      }
    });
  }

  /** Nothing has to be done where there is no folder. */
  async #whereverItIs(work: (archive: Named) => Promise<void>): Promise<void> {
    try {
      await this.#inFolder({ doing: 'READING' }, work);
    } catch (error) {
      if (!(error instanceof ArchiveNotFoundError)) throw error;
    }
  }
}
