import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { FolderClosedError, FolderForeignError, NoSpaceError, type LocalServiceError } from '../errors.js';
import { closedFolder, codeOf, freeBytes, isThere } from '../host/folders.js';
import type { ClusterPlace } from './place.js';

const LINES = 40;
const TAIL_BYTES = 8192;

/** What a line of PostgreSQL's output means. */
export interface Explanation {
  readonly says: RegExp;
  readonly means: () => LocalServiceError | Promise<LocalServiceError>;
}

/** The error for what PostgreSQL said before it ended: a closed or full disk first, then what is `known`. */
export async function explain(
  lines: readonly string[],
  {
    place,
    known,
    otherwise,
  }: { place: ClusterPlace; known: readonly Explanation[]; otherwise: () => LocalServiceError },
): Promise<LocalServiceError> {
  const said = lines.join('\n');
  const closed = said.includes('Permission denied') ? await closedFolder(place.folder, place.user) : undefined;
  if (closed !== undefined) return new FolderClosedError(place.folder, closed, place.user?.name ?? '');
  if (said.includes('No space left on device')) return new NoSpaceError(place.folder, await freeBytes(place.folder));
  return (await known.find(({ says }) => says.test(said))?.means()) ?? otherwise();
}

/** Runs `work` and gives the system's refusals about `folder` their own classes. */
export async function namingFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') throw new NoSpaceError(folder, await freeBytes(dirname(folder)));
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') {
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
