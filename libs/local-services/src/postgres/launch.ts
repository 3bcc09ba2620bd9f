import { rename } from 'node:fs/promises';

import { secondsSince, sleep, systemClock } from '@tidemark/platform';

import {
  FolderInUseError,
  OldProcessesError,
  PortTakenError,
  ServerStartError,
  type LocalServiceError,
} from '../errors.js';
import { explain, lastLines, sizeOf, type Explanation } from '../host/explain.js';
import { freePort } from '../host/free-port.js';
import type { Keeper, ProgramExit, RunningProgram } from '../keeper/keeper.js';
import type { Program } from '../keeper/program.js';
import type { ServerSettings } from './local-postgres.js';
import { dataFolder, serverLog, type ClusterPlace } from './place.js';
import { endServer, OWNER_SETTING, POSTGRES_ENDING, readPostmaster } from './postmaster.js';
import { PROGRAM_ENVIRONMENT } from './programs.js';

export interface LaunchOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly settings: ServerSettings;
  /** A process id that is in `postmaster.pid` and known to be no server. */
  readonly noServer?: number | undefined;
  /** Ends the start, not the server once it is there. */
  readonly signal?: AbortSignal | undefined;
}

/** A server that accepts connections. */
export interface Launched {
  readonly port: number;
  readonly running: RunningProgram;
  /** Where this run begins in the server's log. */
  readonly logOffset: number;
}

/** Errors go to the client that made them; the log keeps what has no client, so it stays small. */
const DEFAULTS: ServerSettings = { log_min_messages: 'log', log_min_error_statement: 'panic', log_checkpoints: 'off' };

/** What no caller may change: who can reach the server, and where its log goes. */
const FIXED: ServerSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  logging_collector: 'off',
  log_destination: 'stderr',
  [OWNER_SETTING]: process.pid,
};

const LOOK_EVERY_MILLIS = 20;
const RETRY_MILLIS = 100;
const PORT_ATTEMPTS = 5;
const OLD_PROCESSES_SECONDS = 10;
const LARGE_LOG_BYTES = 2 ** 20;

/**
 * Runs the server under `keeper` until it accepts connections. Tries again when another process was faster on a free
 * port, and for some seconds while children of a killed server still hold its shared memory.
 */
export async function launchServer(place: ClusterPlace, keeper: Keeper, options: LaunchOptions): Promise<Launched> {
  if ((await sizeOf(serverLog(place))) > LARGE_LOG_BYTES) await rename(serverLog(place), `${serverLog(place)}.old`);
  const started = systemClock.monotonicMillis();
  for (let attempt = 1; ; attempt++) {
    try {
      return await launchOnce(place, keeper, options);
    } catch (error) {
      const portLost = error instanceof PortTakenError && options.port === 0 && attempt < PORT_ATTEMPTS;
      const inTime = secondsSince(systemClock, started) < OLD_PROCESSES_SECONDS;
      if (!portLost && !(error instanceof OldProcessesError && inTime)) throw error;
      await sleep(RETRY_MILLIS, options.signal);
    }
  }
}

async function launchOnce(place: ClusterPlace, keeper: Keeper, options: LaunchOptions): Promise<Launched> {
  const port = await freePort(options.port);
  const logOffset = await sizeOf(serverLog(place));
  const running = await keeper.run(serverProgram(place, options, port));
  const launched = { port, running, logOffset };
  if (await isReady(place, running, options.signal)) return launched;
  const exit = await running.exited;
  if (exit.keeperLost) await endServer(place);
  throw await failureOf(place, launched, exit);
}

/** Waits for the line that the server adds to `postmaster.pid`, as pg_ctl does; false if it ends before. */
async function isReady(place: ClusterPlace, running: RunningProgram, signal?: AbortSignal): Promise<boolean> {
  const ended = new AbortController();
  void running.exited.then(() => ended.abort());
  while (!ended.signal.aborted) {
    const found = await readPostmaster(place);
    if (found?.pid === running.pid && found.ready) return true;
    await sleep(LOOK_EVERY_MILLIS, signal);
  }
  return false;
}

function serverProgram(place: ClusterPlace, { settings, noServer }: LaunchOptions, port: number): Program {
  const all = { ...DEFAULTS, ...settings, ...FIXED, port };
  return {
    command: place.programs.postgres,
    args: ['-D', dataFolder(place), ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    // By this name a server knows a process that is no other server although `postmaster.pid` says so.
    env: { ...PROGRAM_ENVIRONMENT, ...(noServer === undefined ? {} : { PG_GRANDPARENT_PID: String(noServer) }) },
    user: place.user,
    output: serverLog(place),
    ending: POSTGRES_ENDING,
  };
}

async function failureOf(place: ClusterPlace, launched: Launched, exit: ProgramExit): Promise<LocalServiceError> {
  const lines = await lastLines(serverLog(place), launched.logOffset);
  const { folder } = place;
  const known: Explanation[] = [
    { says: /could not bind|Address already in use/, means: () => new PortTakenError(launched.port) },
    { says: /pre-existing shared memory block/, means: () => new OldProcessesError(folder) },
    {
      says: /lock file "postmaster.pid" already exists/,
      means: async () => new FolderInUseError(folder, (await readPostmaster(place))?.pid ?? 0),
    },
  ];
  const shown = lines.length > 0 ? lines.slice(-5) : [`no output, exit code ${exit.code}, signal ${exit.signal}`];
  return explain(lines, { place, known, otherwise: () => new ServerStartError(folder, shown) });
}
