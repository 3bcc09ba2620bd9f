import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ServerUser } from '../host/server-user.js';
import type { PostgresPrograms } from './programs.js';

/** Where a database cluster lies, and who runs it with what: `<folder>/cluster/{data,password}`, `<folder>/server.log`. */
export interface ClusterPlace {
  readonly folder: string;
  readonly programs: PostgresPrograms;
  readonly user: ServerUser | undefined;
  /** Nobody will miss it: nothing is forced to the disk, and the folder goes with the server. */
  readonly temporary: boolean;
}

/** The superuser of every cluster made here. */
export const SUPERUSER = 'postgres';

type Folder = Pick<ClusterPlace, 'folder'>;

export const clusterFolder = ({ folder }: Folder): string => join(folder, 'cluster');
export const dataFolder = (place: Folder): string => join(clusterFolder(place), 'data');
export const serverLog = ({ folder }: Folder): string => join(folder, 'server.log');
const passwordFile = (place: Folder): string => join(clusterFolder(place), 'password');

/** URL of the cluster's server, with the superuser's password in it. */
export async function serverUrl(place: ClusterPlace, port: number): Promise<string> {
  const password = await readFile(passwordFile(place), 'utf8');
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`;
}
