import { realpath, stat } from 'node:fs/promises';

import { ConfigError, ensureFolder, type Clock, type Logger } from '@tidemark/platform';

import { ArchiveFolder } from './archive-folder.js';
import { Uploads } from './uploads.js';

/** What the depot keeps. */
export interface Store {
  readonly folder: ArchiveFolder;
  readonly uploads: Uploads;
  readonly clock: Clock;
}

export const STORE = Symbol('Store');

/** Makes the folder where it is not there, for its owner alone; one that is there stays as it is. Throws ConfigError where it cannot be used. */
export async function openStore(path: string, { clock, log }: { clock: Clock; log: Logger }): Promise<Store> {
  const folder = new ArchiveFolder(await preparedFolder(path));
  return { folder, uploads: await Uploads.open({ folder, clock, log }), clock };
}

async function preparedFolder(path: string): Promise<string> {
  try {
    await ensureFolder(path);
    const real = await realpath(path);
    if (!(await stat(real)).isDirectory()) throw new Error('it is no folder');
    return real;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`TIDEMARK_DEPOT_FOLDER: the folder cannot be used: ${reason}`, { cause: error });
  }
}
