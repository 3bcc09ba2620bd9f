import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { errnoOf, type Logger } from '@tidemark/platform';

import { BinariesUnusableError, UserSwitchError } from '../errors.js';
import { cacheFolders } from '../host/folders.js';
import { isWhole } from '../host/manifest.js';
import { keepPrograms } from '../host/program-cache.js';
import type { ServerUser } from '../host/server-user.js';
import type { Building } from '../host/whole-folder.js';
import { copyPrograms } from './copy-programs.js';
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

/**
 * Copies the package's programs into the first folder that can keep them, once per version; later runs and other
 * processes use the same copy. Nothing is run from the package itself: the server's user may not be able to enter a
 * checkout. Throws NoBinariesError, CacheUnusableError or {@link BinariesUnusableError}.
 */
export async function findPrograms(
  user: ServerUser | undefined,
  options: { source?: ProgramSource | undefined; log: Logger },
): Promise<PostgresPrograms> {
  const { source, roots } = options.source ?? { source: await findPostgresPackage(), roots: cacheFolders() };
  const copy = await keepPrograms(roots, {
    name: `postgres-${source.version}-${basename(source.name)}`,
    isWhole,
    build: (building) => build(building, { source, user }),
    log: options.log,
  });
  const [major = ''] = source.version.split('.');
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres'), major };
}

async function build(
  { folder, keeper }: Building,
  { source, user }: { source: PostgresPackage; user: ServerUser | undefined },
): Promise<void> {
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
      if (errnoOf(error) === 'EPERM' && user) throw new UserSwitchError(user.name);
      // The file was just written, so it is the loader that is not there: another C library.
      if (errnoOf(error) === 'ENOENT') throw new BinariesUnusableError(source.name, 'the loader is missing');
      throw error;
    });
  const { code } = await running.exited;
  if (code !== 0) throw new BinariesUnusableError(source.name, (await readFile(output, 'utf8')).trim());
}
