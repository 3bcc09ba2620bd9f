import type { BigIntStats } from 'node:fs';
import { constants, lstat, open, type FileHandle } from 'node:fs/promises';

import { DestinationInvalidError } from '@tidemark/contracts';
import { unlessMissing } from '@tidemark/platform';

import type { Folder } from './folder.js';

export interface OpenedFile {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

/** O_NONBLOCK so that a FIFO put there between look and opening does not hold the process. */
const FOR_READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens a regular file for reading; undefined when nothing bears the name. Throws DESTINATION_INVALID for anything else. */
export async function openRegular(folder: Folder, name: string): Promise<OpenedFile | undefined> {
  if ((await regularStats(folder, name)) === undefined) return undefined;
  const handle = await unlessMissing(open(folder.at(name), FOR_READING));
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat({ bigint: true });
    checkRegular(stats);
    return { handle, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Throws DESTINATION_INVALID when an archive must not take the place of what bears the name: what is no regular file,
 * and a file that neither ends in .zip nor is empty nor begins like an archive of ours.
 */
export async function checkReplaceable(folder: Folder, name: string): Promise<void> {
  const stats = await regularStats(folder, name);
  if (stats === undefined || stats.size === 0n || /\.zip$/i.test(name)) return;
  const file = await openRegular(folder, name);
  if (file === undefined) return;
  try {
    if (await beginsLikeAnArchive(file.handle)) return;
  } finally {
    await file.handle.close();
  }
  throw new DestinationInvalidError(
    'a file that is not an archive lies there and its name does not end in .zip; choose another name or remove it',
  );
}

/** Whether it is the same file, whatever is in it by now. The number of a removed file is soon another's. */
export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.birthtimeNs === b.birthtimeNs;
}

/** Whether the same bytes are in it. Being renamed or unlinked does not count as a change. */
export function isUntouched(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

async function regularStats(folder: Folder, name: string): Promise<BigIntStats | undefined> {
  const stats = await unlessMissing(lstat(folder.at(name), { bigint: true }));
  if (stats !== undefined) checkRegular(stats);
  return stats;
}

function checkRegular(stats: BigIntStats): void {
  if (!stats.isFile()) throw new DestinationInvalidError(`it is ${kindOf(stats)}, not an archive`);
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

const LOCAL_HEADER = Buffer.from('PK\x03\x04', 'latin1');
const HEADER_BYTES = 30;
const NAME_LENGTH_AT = 26;
/** The names of ARCHIVE_FORMAT: whichever entry comes first, it is one of them. */
const FIRST_NAME = /^(README\.txt|manifest\.json|schema\.sql|SHA256SUMS|parts\/[0-9]+\.copy\.zst)$/;

/** Zip header of a first entry that has one of the names in our archives. */
async function beginsLikeAnArchive(handle: FileHandle): Promise<boolean> {
  const head = Buffer.alloc(HEADER_BYTES + 64);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  if (bytesRead < HEADER_BYTES || !head.subarray(0, LOCAL_HEADER.length).equals(LOCAL_HEADER)) return false;
  const nameLength = head.readUInt16LE(NAME_LENGTH_AT);
  return FIRST_NAME.test(head.toString('latin1', HEADER_BYTES, HEADER_BYTES + nameLength));
}
