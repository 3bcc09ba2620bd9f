import { randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { namingFolder } from '../host/explain.js';
import { makeOpenFolder, temporaryFolder } from '../host/folders.js';
import { findServerUser } from '../host/server-user.js';
import { Keeper } from '../keeper/keeper.js';
import { makeCluster } from './cluster.js';
import type { LocalPostgres, ServerSettings } from './local-postgres.js';
import { findPrograms } from './programs.js';
import { startServer, type PostgresOptions } from './start-postgres.js';

/** For what nobody will miss: nothing is forced to the disk. */
const THROW_AWAY: ServerSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  max_connections: 200,
};

/**
 * Starts the package's server on a new folder below the temporary one. Folder and server go with `stop`, and with this
 * process however it ends.
 */
export async function temporaryPostgres(options: Omit<PostgresOptions, 'folder'>): Promise<LocalPostgres> {
  const user = await findServerUser();
  const programs = await findPrograms(user, { source: options.programs, log: options.log });
  const above = await realpath(await temporaryFolder(user));
  const folder = join(above, `tidemark-postgres-${randomBytes(6).toString('hex')}`);
  const keeper = await Keeper.open({ removeAtEnd: folder });
  try {
    return await namingFolder(folder, async () => {
      await makeOpenFolder(folder);
      const place = { folder, user, programs, temporary: true };
      await makeCluster(place);
      const settings = { ...THROW_AWAY, ...options.settings };
      return startServer(place, keeper, { ...options, settings });
    });
  } catch (error) {
    await keeper.close();
    throw error;
  }
}
