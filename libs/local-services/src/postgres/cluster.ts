import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { ClusterCreationError, ClusterVersionError, NamelessUserError } from '../errors.js';
import { explain, lastLines, type Explanation } from '../host/explain.js';
import { isThere } from '../host/folders.js';
import type { ServerUser } from '../host/server-user.js';
import { makeWhole, type Building } from '../host/whole-folder.js';
import type { Program } from '../keeper/program.js';
import { clusterFolder, dataFolder, SUPERUSER, type ClusterPlace } from './place.js';
import { PROGRAM_ENVIRONMENT } from './programs.js';

const EXPLANATIONS: readonly Explanation[] = [
  { says: /could not look up effective user ID/, means: () => new NamelessUserError() },
];

/**
 * Makes the cluster if the folder has none: encoding UTF8, order of bytes (locale C), a random password for the
 * superuser. It appears whole or not at all.
 */
export async function makeCluster(place: ClusterPlace): Promise<void> {
  const cluster = clusterFolder(place);
  if (!(await isThere(cluster))) {
    await makeWhole(cluster, (building) => build(building, place));
    if (!place.temporary) await syncFolders(place.folder);
  }
  const found = (await readFile(join(dataFolder(place), 'PG_VERSION'), 'utf8')).trim();
  if (found !== place.programs.major) throw new ClusterVersionError(place.folder, found, place.programs.major);
}

/** Without this a power cut could take away the folder's name and leave its files nameless. */
async function syncFolders(folder: string): Promise<void> {
  for (const path of [folder, dirname(folder)]) {
    const handle = await open(path, 'r');
    await handle.sync().finally(() => handle.close());
  }
}

async function build({ folder, keeper }: Building, place: ClusterPlace): Promise<void> {
  const output = join(folder, 'initdb.log');
  await layOut(folder, place.user);
  const running = await keeper.run(initdbProgram(place, folder, output));
  const { code } = await running.exited;
  if (code !== 0) {
    const lines = await lastLines(output, 0);
    throw await explain(lines, {
      place,
      known: EXPLANATIONS,
      otherwise: () => new ClusterCreationError(place.folder, lines.slice(-5)),
    });
  }
  await rm(output);
  if (place.user) await chown(join(folder, 'password'), 0, 0);
}

/** The folder itself stays ours and can be entered; what is in it is the server's user's, and nobody else's. */
async function layOut(folder: string, user: ServerUser | undefined): Promise<void> {
  const data = join(folder, 'data');
  const password = join(folder, 'password');
  await mkdir(data, { recursive: true, mode: 0o700 });
  await chmod(folder, user ? 0o711 : 0o700);
  await writeFile(password, randomBytes(24).toString('hex'), { mode: 0o600, flush: true });
  if (!user) return;
  for (const path of [data, password]) await chown(path, user.uid, user.gid);
}

function initdbProgram({ programs, user, temporary }: ClusterPlace, folder: string, output: string): Program {
  return {
    command: programs.initdb,
    args: [
      `--pgdata=${join(folder, 'data')}`,
      `--pwfile=${join(folder, 'password')}`,
      `--username=${SUPERUSER}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
      ...(temporary ? ['--no-sync', '--no-data-checksums'] : []),
    ],
    env: PROGRAM_ENVIRONMENT,
    user,
    output,
    ending: [
      { signal: 'SIGINT', millis: 5_000 },
      { signal: 'SIGKILL', millis: 5_000 },
    ],
  };
}
