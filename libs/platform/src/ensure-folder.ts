import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { errnoOf } from './system-errors.js';

/**
 * Makes a folder, and those above it, where it is not there; for its owner alone. Not `mkdir` with `recursive`: that
 * never returns under a folder that answers ENOENT to every creation, as /proc does.
 */
export async function ensureFolder(path: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await ensureFolder(dirname(path));
    await mkdir(path, 0o700).catch((failure: unknown) => {
      if (errnoOf(failure) !== 'EEXIST') throw failure;
    });
  }
}
