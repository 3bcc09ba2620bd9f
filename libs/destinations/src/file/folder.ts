import { constants, mkdir, open, opendir, readlink, realpath, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { DestinationInvalidError } from '@tidemark/contracts';
import { errnoOf, unlessMissing } from '@tidemark/platform';

import { DestinationNotAllowedError } from '../errors.js';
import { isWithin } from '../is-within.js';

/** A folder that a destination may use: `names` of folders below `root`, none of them `.`, `..` or empty. */
export interface FolderPlace {
  readonly root: string;
  /** Where the root was found at the start; elsewhere it is not used. */
  readonly location?: string | undefined;
  readonly names: readonly string[];
}

/**
 * BY_DESCRIPTOR: names are looked up in the opened folder itself (Linux), so that nobody can put another folder in its
 * place between the check and the use. BY_PATH: wherever the system has no such way.
 */
export type FolderAccess = 'BY_DESCRIPTOR' | 'BY_PATH';

const MODE = 0o700;
const AS_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * A folder that lies in its root, held open. Symbolic links on the way to it are followed only as long as they stay in
 * the root.
 */
export class Folder {
  private constructor(
    private readonly handle: FileHandle,
    /** Where it really is. */
    private readonly location: string,
    private readonly access: FolderAccess,
  ) {}

  /**
   * Throws DESTINATION_NOT_ALLOWED where a link leads out of the root, or another folder has taken the root's place,
   * before anything is made out there.
   */
  static async open(place: FolderPlace, options: { create: boolean; access: FolderAccess }): Promise<Folder> {
    const root = await Folder.#open(place.root, options.access);
    if (place.location !== undefined && root.location !== place.location) {
      await root.close();
      throw notAllowed(place, 'its folder for archives is not where it was when this server started');
    }
    let folder = root;
    for (const name of place.names) {
      try {
        const next = await folder.#below(name, options.create);
        if (!isWithin(root.location, next.location)) {
          await next.close();
          throw notAllowed(place, 'a link in its path leads out');
        }
        await folder.close();
        folder = next;
      } catch (error) {
        await folder.close();
        throw error;
      }
    }
    return folder;
  }

  /** A path to what bears `name` in this folder. */
  at(name: string): string {
    return this.access === 'BY_DESCRIPTOR' ? `${descriptorPath(this.handle)}/${name}` : join(this.location, name);
  }

  async *names(): AsyncGenerator<string> {
    for await (const entry of await opendir(this.at('.'))) yield entry.name;
  }

  /** Makes the names in it survive a power cut, on file systems that know how to. */
  async sync(): Promise<void> {
    try {
      await this.handle.sync();
    } catch (error) {
      if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error;
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  static async #open(path: string, access: FolderAccess): Promise<Folder> {
    const handle = await open(path, AS_FOLDER);
    try {
      const location = access === 'BY_DESCRIPTOR' ? await readlink(descriptorPath(handle)) : await realpath(path);
      return new Folder(handle, location, access);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #below(name: string, create: boolean): Promise<Folder> {
    try {
      return await Folder.#open(this.at(name), this.access);
    } catch (error) {
      if (!create || errnoOf(error) !== 'ENOENT') throw error;
    }
    await mkdir(this.at(name), MODE).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    await this.sync();
    return this.#made(name);
  }

  async #made(name: string): Promise<Folder> {
    const folder = await unlessMissing(Folder.#open(this.at(name), this.access));
    if (folder === undefined) throw new DestinationInvalidError('a link in its path leads nowhere');
    return folder;
  }
}

function notAllowed({ root }: FolderPlace, why: string): DestinationNotAllowedError {
  return new DestinationNotAllowedError('TIDEMARK_FILE_ROOTS', [root], why);
}

export const systemFolderAccess: FolderAccess = process.platform === 'linux' ? 'BY_DESCRIPTOR' : 'BY_PATH';

/** Under it the kernel shows the opened folder, wherever its path leads by now. */
function descriptorPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}
