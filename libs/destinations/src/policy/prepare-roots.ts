import { randomBytes } from 'node:crypto';
import { constants, open, opendir, unlink } from 'node:fs/promises';

import type { Operation } from '@tidemark/contracts';
import { ensureFolder, errnoOf, isDiskFull, unlessMissing } from '@tidemark/platform';

import { DestinationNotAllowedError } from '../errors.js';
import { Folder, systemFolderAccess } from '../file/folder.js';
import { probeName } from '../temp-name.js';
import { normalRoots } from './file-roots.js';
import { complaintOf } from './root-complaint.js';

/** What a root can be used for at the moment. */
export interface RootState {
  readonly root: string;
  /** Both operations for a usable root; RESTORE alone for one that can be read but not written. */
  readonly serves: readonly Operation[];
  /** For a root that does not serve both: why, the command that would help, and a destination that works already. */
  readonly complaint: string | undefined;
}

const BOTH: readonly Operation[] = ['BACKUP', 'RESTORE'];

/**
 * Creates each root (0700) that is not there, if that can be, and tries what can be done in it. Never throws for a root
 * that cannot be used: its state says so. Throws ConfigError for one that is not an absolute path.
 */
export async function prepareRoots(roots: readonly string[]): Promise<readonly RootState[]> {
  return await preparePlaces(normalRoots(roots).map((root) => ({ root })));
}

/** The same for roots that must be where they were; nothing is made in one that is not. */
export async function preparePlaces(places: readonly RootPlace[]): Promise<readonly RootState[]> {
  const trials = await Promise.all(places.map(tryRoot));
  const works = trials.find((trial) => trial.failure === undefined)?.root;
  return Promise.all(
    trials.map(async ({ root, serves, failure }) => ({
      root,
      serves,
      complaint: failure === undefined ? undefined : await complaintOf({ root, serves, failure, works }),
    })),
  );
}

/**
 * Whether one root can be used for one operation, found by trying. Throws DESTINATION_NOT_ALLOWED for one that is not
 * where it was found at the start.
 */
export async function canServe(root: RootPlace, operation: Operation): Promise<boolean> {
  try {
    await inRoot(root, async (folder) => {
      await tryReading(folder);
      if (operation === 'BACKUP') await tryWriting(folder);
    });
    return true;
  } catch (error) {
    if (error instanceof DestinationNotAllowedError) throw error;
    return false;
  }
}

/** A root by its path, and where it must be; one without a location may be anywhere. */
export interface RootPlace {
  readonly root: string;
  readonly location?: string;
}

async function tryRoot(place: RootPlace): Promise<Pick<RootState, 'root' | 'serves'> & { failure?: unknown }> {
  const { root } = place;
  let serves: readonly Operation[] = [];
  try {
    await inRoot(place, async (folder) => {
      await tryReading(folder);
      serves = ['RESTORE'];
      await tryWriting(folder);
    });
    return { root, serves: BOTH };
  } catch (failure) {
    return { root, serves, failure };
  }
}

/** Makes the root where that is possible. */
async function inRoot(place: RootPlace, work: (folder: Folder) => Promise<void>): Promise<void> {
  await ensureFolder(place.root);
  const folder = await Folder.open({ ...place, names: [] }, { create: false, access: systemFolderAccess });
  try {
    await work(folder);
  } finally {
    await folder.close();
  }
}

async function tryReading(folder: Folder): Promise<void> {
  await (await opendir(folder.at('.'))).close();
}

/**
 * Permission bits tell too little (superuser, read-only and foreign file systems), so a file is made and removed. It has
 * one name, so that what a killed process leaves goes with the next try.
 */
async function tryWriting(folder: Folder): Promise<void> {
  const probe = folder.at(probeName());
  try {
    if (await canMake(probe)) return;
    // Of a process that was killed, or tries at this very moment; what cannot be removed is not ours.
    await unlink(probe).catch(() => undefined);
    await canMake(folder.at(probeName(randomBytes(8).toString('hex'))));
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

/** False where something has that name already. */
async function canMake(path: string): Promise<boolean> {
  try {
    const handle = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    await handle.close();
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  await unlessMissing(unlink(path));
  return true;
}
