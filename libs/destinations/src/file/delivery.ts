import type { BigIntStats } from 'node:fs';
import { lstat, rename } from 'node:fs/promises';

import { DestinationInvalidError } from '@tidemark/contracts';
import { unlessMissing } from '@tidemark/platform';

import type { SealedArchive } from '../destination.js';
import { DeliveryLostError } from '../errors.js';
import { FileSource, sha256Of } from './file-source.js';
import { checkReplaceable, isSameFile, isUntouched, openRegular, type OpenedFile } from './regular-file.js';
import type { Named } from './temps.js';

/** An archive whose bytes this process wrote and synced itself, and the file that it became. */
export interface SealedHere extends SealedArchive {
  readonly stats: BigIntStats;
}

/**
 * Gives the temp its name, or finds that it has been given. Bytes are read again and compared, unless the file is
 * untouched since this process sealed it.
 */
export async function deliver(
  archive: Named,
  sealed: SealedArchive & { readonly here: SealedHere | undefined },
  signal: AbortSignal,
): Promise<void> {
  const matches = (file: OpenedFile): Promise<boolean> =>
    isArchive(file, { ...sealed, display: archive.display }, signal);
  const named = (await nameTemp(archive, sealed.temp, matches)) || (await isInPlace(archive, matches));
  if (!named)
    throw new DeliveryLostError(archive.display, 'its temp has gone and the destination holds something else');
  await archive.folder.sync();
}

type Matches = (file: OpenedFile) => Promise<boolean>;

/**
 * False when the temp has gone, also when another attempt gives it its name at this very moment, and when something else
 * than the file that was compared has the name then.
 */
async function nameTemp({ folder, name, display }: Named, temp: string, matches: Matches): Promise<boolean> {
  const file = await openRegular(folder, temp);
  if (file === undefined) return false;
  if (!(await matches(file))) throw new DeliveryLostError(display, 'its temp is not what was sealed');
  await checkReplaceable(folder, name);
  const renamed = await unlessMissing(rename(folder.at(temp), folder.at(name)).then(() => true));
  return renamed === true && (await bearsName(file, { folder, name }));
}

async function bearsName({ stats }: OpenedFile, { folder, name }: Pick<Named, 'folder' | 'name'>): Promise<boolean> {
  const there = await unlessMissing(lstat(folder.at(name), { bigint: true }));
  return there !== undefined && isSameFile(there, stats);
}

async function isInPlace({ folder, name }: Named, matches: Matches): Promise<boolean> {
  try {
    const file = await openRegular(folder, name);
    return file !== undefined && (await matches(file));
  } catch (error) {
    if (error instanceof DestinationInvalidError) return false;
    throw error;
  }
}

/** Closes the file. */
async function isArchive(
  file: OpenedFile,
  wanted: SealedArchive & { readonly here: SealedHere | undefined; readonly display: string },
  signal: AbortSignal,
): Promise<boolean> {
  const source = new FileSource(file, wanted.display);
  try {
    if (source.size !== wanted.bytes) return false;
    const { here } = wanted;
    if (here?.sha256 === wanted.sha256 && isUntouched(here.stats, file.stats)) return true;
    return (await sha256Of(source, signal)) === wanted.sha256;
  } finally {
    await source.close();
  }
}
