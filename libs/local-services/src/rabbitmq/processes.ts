import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { FolderInUseError } from '../errors.js';
import { isThere } from '../host/folders.js';
import { commandLine, endProcess, isRunning } from '../host/processes.js';
import type { Program } from '../keeper/program.js';
import type { BrokerPlace } from './place.js';

/** A process of a broker, and what its command line has that no other's has. */
interface BrokerProcess {
  readonly pid: number;
  readonly mark: string;
}

/** Who runs on a folder for whom; the broker comes last. */
interface Processes {
  readonly owner: number;
  readonly running: readonly BrokerProcess[];
}

/** Asks first, but for a node that nobody will miss. A container has to be asked: its client would go without it. */
export function endingOf({ temporary, programs }: BrokerPlace): Program['ending'] {
  const asked = { signal: 'SIGTERM', millis: 20_000 } as const;
  const forced = { signal: 'SIGKILL', millis: 5_000 } as const;
  return temporary && programs.kind === 'node' ? [forced] : [asked, forced];
}

/** Writes down who runs, so that a later start finds what an owner and a keeper that were both killed left behind. */
export async function writeProcesses(place: BrokerPlace, running: readonly BrokerProcess[]): Promise<void> {
  const processes: Processes = { owner: process.pid, running };
  const beside = `${fileOf(place)}.new`;
  await writeFile(beside, JSON.stringify(processes), { mode: 0o600 });
  await rename(beside, fileOf(place));
}

/** Makes the folder free for a broker of ours: ends one whose owner is gone. Throws {@link FolderInUseError} while the owner lives. */
export async function freeFolder(place: BrokerPlace): Promise<void> {
  const { owner, running } = await readProcesses(place);
  const isOccupied = (await Promise.all(running.map(isStillIt))).includes(true);
  if (!isOccupied) return;
  if (await isRunning(owner)) throw new FolderInUseError(place.folder, owner);
  await endBroker(place);
}

/** Ends what runs on the folder, whoever started it. */
export async function endBroker(place: BrokerPlace): Promise<void> {
  const { running } = await readProcesses(place);
  for (const process of [...running].reverse()) {
    if (!(await isStillIt(process))) continue;
    const gone = async (): Promise<boolean> => !(await isStillIt(process));
    const isGone = await endProcess(process.pid, { ending: endingOf(place), gone });
    if (!isGone) throw new FolderInUseError(place.folder, process.pid);
  }
  await rm(fileOf(place), { force: true });
}

/** Process ids are given again: another program may have this one now. */
async function isStillIt({ pid, mark }: BrokerProcess): Promise<boolean> {
  return (await commandLine(pid))?.includes(mark) ?? false;
}

async function readProcesses(place: BrokerPlace): Promise<Processes> {
  if (!(await isThere(fileOf(place)))) return { owner: 0, running: [] };
  return JSON.parse(await readFile(fileOf(place), 'utf8')) as Processes;
}

const fileOf = ({ folder }: Pick<BrokerPlace, 'folder'>): string => join(folder, 'processes.json');
