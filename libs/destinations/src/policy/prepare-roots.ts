import { randomBytes } from 'node:crypto';
import { constants, open, opendir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import type { Operation } from '@tidemark/contracts';
import { ensureFolder, errnoOf, isDiskFull, unlessMissing } from '@tidemark/platform';

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
  const trials = await Promise.all(normalRoots(roots).map(tryRoot));
  const works = trials.find((trial) => trial.failure === undefined)?.root;
  return Promise.all(
    trials.map(async ({ root, serves, failure }) => ({
      root,
      serves,
      complaint: failure === undefined ? undefined : await complaintOf({ root, serves, failure, works }),
    })),
  );
}

/** Whether one root can be used for one operation, found by trying. */
export async function canServe(root: string, operation: Operation): Promise<boolean> {
  try {
    await tryReading(root);
    if (operation === 'BACKUP') await tryWriting(root);
    return true;
  } catch {
    return false;
  }
}

async function tryRoot(root: string): Promise<Pick<RootState, 'root' | 'serves'> & { failure?: unknown }> {
  try {
    await tryReading(root);
  } catch (failure) {
    return { root, serves: [], failure };
  }
  try {
    await tryWriting(root);
    return { root, serves: BOTH };
  } catch (failure) {
    return { root, serves: ['RESTORE'], failure };
  }
}

/** Makes the root where that is possible. */
async function tryReading(root: string): Promise<void> {
  await ensureFolder(root);
  await (await opendir(root)).close();
}

/**
 * Permission bits tell too little (superuser, read-only and foreign file systems), so a file is made and removed. It has
 * one name, so that what a killed process leaves goes with the next try.
 */
async function tryWriting(root: string): Promise<void> {
  const probe = join(root, '.tidemark.probe');
  try {
    if (await canMake(probe)) return;
    // Of a process that was killed, or tries at this very moment; what cannot be removed is not ours.
    await unlink(probe).catch(() => undefined);
    await canMake(join(root, `.tidemark-${randomBytes(8).toString('hex')}.probe`));
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
