import { lstat, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import type { Logger } from '@tidemark/platform';

import { BinariesUnusableError, CacheUnusableError, UserSwitchError } from '../errors.js';
import { cacheFolders, codeOf, freeBytes, isThere, makeOpenFolder } from '../host/folders.js';
import type { ServerUser } from '../host/server-user.js';
import { makeWhole, type Building } from '../host/whole-folder.js';
import { copyPrograms, isWhole } from './copy-programs.js';
import { findPostgresPackage, type PostgresPackage } from './package-folder.js';

/** PostgreSQL's programs where the server's user can run them. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, such as `18`. */
  readonly major: string;
}

/** Where programs come from and where they may be kept, best place first. */
export interface ProgramSource {
  readonly source: PostgresPackage;
  readonly roots: readonly string[];
}

/** The whole environment of PostgreSQL's programs. */
export const PROGRAM_ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const COPY_NUMBERS = [1, 2, 3, 4, 5];

interface Wanted {
  readonly source: PostgresPackage;
  readonly user: ServerUser | undefined;
  readonly log: Logger;
}

/**
 * Copies the package's programs into the first folder that can keep them, once per version; later runs and other
 * processes use the same copy. Nothing is run from the package itself: the server's user may not be able to enter a
 * checkout. Throws NoBinariesError, {@link CacheUnusableError} or {@link BinariesUnusableError}.
 */
export async function findPrograms(
  user: ServerUser | undefined,
  options: { source?: ProgramSource | undefined; log: Logger },
): Promise<PostgresPrograms> {
  const { source, roots } = options.source ?? { source: await findPostgresPackage(), roots: cacheFolders() };
  const reasons: string[] = [];
  for (const root of roots) {
    try {
      const copy = await keepIn(root, { source, user, log: options.log });
      const [major = ''] = source.version.split('.');
      return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres'), major };
    } catch (error) {
      if (codeOf(error) === undefined && !(error instanceof FolderRefused)) throw error;
      reasons.push(await reasonOf(root, error as Error));
    }
  }
  throw new CacheUnusableError(reasons);
}

class FolderRefused extends Error {}

/** A copy that something has damaged is left alone (a server may run from it) and the next number is taken. */
async function keepIn(root: string, wanted: Wanted): Promise<string> {
  await makeOpenFolder(root);
  await refuseForeign(root);
  for (const number of COPY_NUMBERS) {
    const copy = join(root, `postgres-${wanted.source.version}-${basename(wanted.source.name)}-${number}`);
    if (await isWhole(copy)) return copy;
    if (await isThere(copy)) continue;
    if (await makeWhole(copy, (building) => build(building, wanted))) {
      wanted.log.info({ folder: copy }, 'PostgreSQL programs copied');
    }
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

async function build({ folder, keeper }: Building, { source, user }: Wanted): Promise<void> {
  await copyPrograms(source.folder, folder);
  const output = join(folder, 'version');
  const running = await keeper
    .run({
      command: join(folder, 'bin', 'postgres'),
      args: ['--version'],
      env: PROGRAM_ENVIRONMENT,
      user,
      output,
      ending: [{ signal: 'SIGKILL', millis: 5_000 }],
    })
    .catch((error: unknown) => {
      if (codeOf(error) === 'EPERM' && user) throw new UserSwitchError(user.name);
      // The file was just written, so it is the loader that is not there: another C library.
      if (codeOf(error) === 'ENOENT') throw new BinariesUnusableError(source.name, 'the loader is missing');
      throw error;
    });
  const { code } = await running.exited;
  if (code !== 0) throw new BinariesUnusableError(source.name, (await readFile(output, 'utf8')).trim());
}

async function reasonOf(root: string, error: Error): Promise<string> {
  if (codeOf(error) !== 'ENOSPC') return `${root}: ${error.message}`;
  return `${root}: no space left (${Math.floor((await freeBytes(root)) / 2 ** 20)} MiB free)`;
}
