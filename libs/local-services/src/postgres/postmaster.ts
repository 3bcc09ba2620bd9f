import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { errnoOf } from '@tidemark/platform';

import { FolderInUseError } from '../errors.js';
import { commandLine, endProcess, isAlive, isRunning, workingFolder } from '../host/processes.js';
import type { Program } from '../keeper/program.js';
import { dataFolder, type ClusterPlace } from './place.js';

/** The setting that says on a server's command line, for everybody to see, which process it belongs to. */
export const OWNER_SETTING = 'tidemark.owner';

/** Fast shutdown, then immediate (the next start recovers), then without asking (its children notice and go). */
export const POSTGRES_ENDING: Program['ending'] = [
  { signal: 'SIGINT', millis: 20_000 },
  { signal: 'SIGQUIT', millis: 5_000 },
  { signal: 'SIGKILL', millis: 5_000 },
];

/** What a running server says of itself in `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number;
  readonly ready: boolean;
}

/** Reads `postmaster.pid`; undefined if there is none or it is only half written. */
export async function readPostmaster(place: ClusterPlace): Promise<Postmaster | undefined> {
  try {
    const lines = (await readFile(pidFile(place), 'utf8')).split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Makes the cluster free for a server of ours: ends one whose owner is gone. Answers the number in `postmaster.pid` if
 * it belongs to some other program now, as after a reboot, so that the server need not take that for another server.
 * Throws {@link FolderInUseError} when the owner of a running server is alive.
 */
export async function freeCluster(place: ClusterPlace): Promise<number | undefined> {
  const found = await readPostmaster(place);
  const occupant = found ? await occupantOf(place, found.pid) : 'nobody';
  if (!found || occupant === 'nobody') return undefined;
  if (occupant !== 'server') return occupant === 'other' ? found.pid : undefined;
  const owner = await ownerOf(found.pid);
  if (await isRunning(owner)) throw new FolderInUseError(place.folder, owner);
  await endServer(place);
  return undefined;
}

/** Ends the server on the cluster whoever started it; nothing to do if none runs. */
export async function endServer(place: ClusterPlace): Promise<void> {
  const found = await readPostmaster(place);
  if (!found) return;
  const gone = async (): Promise<boolean> => (await occupantOf(place, found.pid)) !== 'server';
  if ((await gone()) || (await endProcess(found.pid, { ending: POSTGRES_ENDING, gone }))) return;
  throw new FolderInUseError(place.folder, found.pid);
}

/** Who has the process id of `postmaster.pid` now. Unknown: the system hides that process from us. */
type Occupant = 'nobody' | 'server' | 'other' | 'unknown';

/** A server's working folder is its cluster's, however it was started; where that cannot be seen its name must do. */
async function occupantOf(place: ClusterPlace, pid: number): Promise<Occupant> {
  if (!isAlive(pid)) return 'nobody';
  const command = await commandLine(pid);
  if (command === undefined) return 'unknown';
  if (process.platform !== 'linux') return command.includes('postgres') ? 'server' : 'other';
  if (command === '') return 'other'; // a process that is over and waits for its parent to notice
  const folder = await workingFolder(pid);
  if (folder === undefined) return 'unknown';
  return folder === dataFolder(place) ? 'server' : 'other';
}

/** The process that a server belongs to; itself, if it was not started by us. */
async function ownerOf(pid: number): Promise<number> {
  const owner = new RegExp(`${OWNER_SETTING}=(\\d+)`).exec((await commandLine(pid)) ?? '')?.[1];
  return owner === undefined ? pid : Number(owner);
}

const pidFile = (place: ClusterPlace): string => join(dataFolder(place), 'postmaster.pid');
