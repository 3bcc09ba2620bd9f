import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { errnoOf } from '@tidemark/platform';

import { FolderClosedError, FolderForeignError, NoSpaceError, type LocalServiceError } from '../errors.js';
import { closedFolder, freeBytes, isThere } from './folders.js';
import type { ServerUser } from './server-user.js';

/** Where a server keeps its files, and who runs it. */
interface Place {
  readonly folder: string;
  readonly user: ServerUser | undefined;
}

const LINES = 40;
const TAIL_BYTES = 8192;

/** What a line of a server's output means. */
export interface Explanation {
  readonly says: RegExp;
  readonly means: () => LocalServiceError | Promise<LocalServiceError>;
}

/** The error for what a server said before it ended: a closed or full disk first, then what is `known`. */
export async function explain(
  lines: readonly string[],
  { place, known, otherwise }: { place: Place; known: readonly Explanation[]; otherwise: () => LocalServiceError },
): Promise<LocalServiceError> {
  const said = lines.join('\n');
  const closed = /Permission denied|\beacces\b/.test(said) ? await closedFolder(place.folder, place.user) : undefined;
  if (closed !== undefined) return new FolderClosedError(place.folder, closed, place.user?.name ?? '');
  if (/No space left on device|\benospc\b/.test(said))
    return new NoSpaceError(place.folder, await freeBytes(place.folder));
  return (await known.find(({ says }) => says.test(said))?.means()) ?? otherwise();
}

/** Runs `work` and gives the system's refusals about `folder` their own classes. */
export async function namingFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errnoOf(error) === 'ENOSPC') throw new NoSpaceError(folder, await freeBytes(dirname(folder)));
    if (errnoOf(error) === 'EACCES' || errnoOf(error) === 'EPERM') {
      throw new FolderForeignError(folder, { cause: error });
    }
    throw error;
  }
}

/** Size of a file that need not be there. */
export async function sizeOf(file: string): Promise<number> {
  return (await isThere(file)) ? (await stat(file)).size : 0;
}

/** The last lines (40 at most) that were written to a file after `offset`. */
export async function lastLines(file: string, offset: number): Promise<string[]> {
  const size = await sizeOf(file);
  const from = Math.max(offset, size - TAIL_BYTES);
  if (size <= from) return [];
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    const lines = buffer.toString('utf8').split('\n');
    return lines.filter((line) => line.trim() !== '').slice(-LINES);
  } finally {
    await handle.close();
  }
}
