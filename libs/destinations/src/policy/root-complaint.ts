import { constants, access, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';

import type { Operation } from '@tidemark/contracts';

import { errnoOf } from '@tidemark/platform';

import { DestinationNotAllowedError } from '../errors.js';
import { isSystemError, reasonOf } from '../file/errno.js';
import { toFileUri } from '../parse/file-uri.js';

/** One root that cannot be used for everything, and how that showed. */
interface RootFailure {
  readonly root: string;
  readonly serves: readonly Operation[];
  readonly failure: unknown;
  /** A root that can be used. */
  readonly works: string | undefined;
}

/** The sentence for the log at start and for the answer to a request: root, reason, remedy, and what works already. */
export async function complaintOf({ root, serves, failure, works }: RootFailure): Promise<string> {
  const instead =
    works === undefined
      ? 'No other folder of TIDEMARK_FILE_ROOTS can be used now.'
      : `A destination that works already: ${toFileUri(works === '/' ? '/archive.zip' : `${works}/archive.zip`)}`;
  if (failure instanceof DestinationNotAllowedError)
    return `The folder ${root} (TIDEMARK_FILE_ROOTS) cannot be used: it is not where it was when this server started. Put it back, or start the server again. ${instead}`;
  const remedy = await remedyFor(root, failure);
  return `The folder ${root} (TIDEMARK_FILE_ROOTS) ${whatFails(serves, failure)}: ${reasonOf(failure)}. To make it usable: \`${remedy}\`. ${instead}`;
}

function whatFails(serves: readonly Operation[], failure: unknown): string {
  if (serves.includes('RESTORE')) return 'can be restored from but not written to';
  return isSystemError(failure) && failure.syscall === 'mkdir' ? 'cannot be created' : 'cannot be used';
}

async function remedyFor(root: string, failure: unknown): Promise<string> {
  if (errnoOf(failure) === 'EROFS') return `sudo mount -o remount,rw "$(findmnt -no TARGET -T ${quoted(root)})"`;
  const install = `sudo install -d -o ${quoted(userName())} -m 0700 ${quoted(root)}`;
  const obstacle = await firstObstacle(root);
  if (obstacle === undefined) return install;
  const step =
    obstacle.kind === 'NO_FOLDER'
      ? `sudo mv ${quoted(obstacle.path)} ${quoted(`${obstacle.path}.moved`)}`
      : `sudo chmod o+x ${quoted(obstacle.path)}`;
  return `${step} && ${install}`;
}

interface Obstacle {
  readonly path: string;
  readonly kind: 'NO_FOLDER' | 'CLOSED';
}

/** What stands on the way to the root and would still stand there if the root were made by somebody else. */
async function firstObstacle(root: string): Promise<Obstacle | undefined> {
  for (const path of [...ancestors(root), root]) {
    try {
      if (!(await stat(path)).isDirectory()) return { path, kind: 'NO_FOLDER' };
      if (path !== root) await access(path, constants.X_OK);
    } catch (error) {
      return errnoOf(error) === 'EACCES' ? { path, kind: 'CLOSED' } : undefined;
    }
  }
  return undefined;
}

/** From the top down, without the path itself. */
function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...ancestors(parent), parent];
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // The user of a container often has a number and no name.
    return String(process.getuid?.() ?? 'tidemark');
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
