import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

import { errnoOf, type Logger } from '@tidemark/platform';

import { CacheUnusableError } from '../errors.js';
import { freeBytes, isThere, makeOpenFolder } from './folders.js';
import { makeWhole, type Building } from './whole-folder.js';

/** Programs that are kept on this machine for later runs, and how they are had. */
export interface KeptPrograms {
  /** With their version. */
  readonly name: string;
  readonly isWhole: (copy: string) => Promise<boolean>;
  readonly build: (building: Building) => Promise<void>;
  readonly log: Logger;
}

const COPY_NUMBERS = [1, 2, 3, 4, 5];

/**
 * The folder of the programs below the first of `roots` that can keep them: built there once; later runs and other
 * processes use the same copy. Throws {@link CacheUnusableError}, and whatever `build` throws of its own.
 */
export async function keepPrograms(roots: readonly string[], programs: KeptPrograms): Promise<string> {
  const reasons: string[] = [];
  for (const root of roots) {
    try {
      return await keepIn(root, programs);
    } catch (error) {
      if (errnoOf(error) === undefined && !(error instanceof FolderRefused)) throw error;
      reasons.push(await reasonOf(root, error as Error));
    }
  }
  throw new CacheUnusableError(reasons);
}

class FolderRefused extends Error {}

/** A copy that something has damaged is left alone (a server may run from it) and the next number is taken. */
async function keepIn(root: string, { name, isWhole, build, log }: KeptPrograms): Promise<string> {
  await makeOpenFolder(root);
  await refuseForeign(root);
  for (const number of COPY_NUMBERS) {
    const copy = join(root, `${name}-${number}`);
    if (await isWhole(copy)) return copy;
    if (await isThere(copy)) continue;
    if (await makeWhole(copy, build)) log.info({ folder: copy }, 'programs copied');
    return copy;
  }
  throw new FolderRefused('every copy in it is damaged: remove them');
}

/** A folder that another user could write would let that user choose what we run. */
async function refuseForeign(root: string): Promise<void> {
  const found = await lstat(root);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || found.mode & 0o022) {
    throw new FolderRefused('not a folder of this user that only this user can write');
  }
}

async function reasonOf(root: string, error: Error): Promise<string> {
  if (errnoOf(error) !== 'ENOSPC') return `${root}: ${error.message}`;
  return `${root}: no space left (${Math.floor((await freeBytes(root)) / 2 ** 20)} MiB free)`;
}
