import { realpath } from 'node:fs/promises';

import type { Logger } from '@tidemark/platform';

import { namingFolder } from '../host/explain.js';
import { isThere, makeOpenFolder } from '../host/folders.js';
import { findOwner, findServerUser, type ServerUser } from '../host/server-user.js';
import { Keeper } from '../keeper/keeper.js';
import { makeCluster } from './cluster.js';
import { keepServer } from './kept-server.js';
import { launchServer } from './launch.js';
import type { LocalPostgres, ServerSettings } from './local-postgres.js';
import { dataFolder, type ClusterPlace } from './place.js';
import { freeCluster } from './postmaster.js';
import { findPrograms, type ProgramSource } from './programs.js';

export interface PostgresOptions {
  /** Made if it is not there; the databases live in it. */
  readonly folder: string;
  /** Default 0: any that is free, another one at each start. */
  readonly port?: number;
  /** Of the server, as in postgresql.conf; they win over this lib's own, except over who can reach the server. */
  readonly settings?: ServerSettings;
  readonly log: Logger;
  /** Ends the start; without effect once the server is there. */
  readonly signal?: AbortSignal;
  /** Where the programs come from and where they are kept; by default this platform's package and a cache folder. */
  readonly programs?: ProgramSource;
}

/**
 * Starts the package's server on a folder that keeps its databases from start to start; resolves when a client has
 * logged in. Throws a LocalServiceError, such as FolderInUseError when a living process has a server there.
 */
export function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  return namingFolder(options.folder, async () => {
    await makeOpenFolder(options.folder);
    const place = await findPlace(await realpath(options.folder), options);
    const noServer = await freeCluster(place);
    await makeCluster(place);
    return startServer(place, await Keeper.open(), { ...options, noServer });
  });
}

/** Launches the server under `keeper`, which is closed if that fails. */
export async function startServer(
  place: ClusterPlace,
  keeper: Keeper,
  options: Omit<PostgresOptions, 'folder'> & { noServer?: number | undefined },
): Promise<LocalPostgres> {
  try {
    const launched = await launchServer(place, keeper, { port: 0, settings: {}, ...options });
    const server = await keepServer(place, keeper, launched);
    const { port, pid, version } = server;
    options.log.info({ folder: place.folder, port, pid, version }, 'PostgreSQL started');
    return server;
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

/** An existing cluster goes on under the user whom its files belong to. */
async function findPlace(folder: string, { programs, log }: PostgresOptions): Promise<ClusterPlace> {
  const user = await findUser(folder);
  return { folder, user, programs: await findPrograms(user, { source: programs, log }), temporary: false };
}

async function findUser(folder: string): Promise<ServerUser | undefined> {
  const data = dataFolder({ folder });
  return (await isThere(data)) ? findOwner(data) : findServerUser();
}
