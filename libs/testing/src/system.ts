import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { environment, SERVICE_NODE_FLAGS } from '@tidemark/platform';

import type { PostgresProxy } from './postgres-proxy.js';
import { SystemClient } from './system-client.js';
import { createTestDatabase } from './test-database.js';

export interface SystemOptions {
  /** Settings over those of the harness; an empty value is one that is not set. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Of an earlier system, to go on where it was: its database and its folder. */
  readonly like?: Pick<RunningSystem, 'home' | 'databaseUrl'>;
  /** Its database is reached by way of this. */
  readonly proxy?: PostgresProxy;
  /** A command that runs the one behind it in its own place, such as `nice`. */
  readonly within?: readonly string[];
}

/** A standalone in a process of its own, with a database and a folder of its own. */
export interface RunningSystem {
  readonly client: SystemClient;
  readonly url: string;
  readonly pid: number;
  readonly home: string;
  /** A folder that archives may go to. */
  readonly archives: string;
  readonly databaseUrl: string;
  /** Everything that it wrote to its standard error. */
  readonly log: () => string;
  /** Resident memory now and at its highest so far, in bytes, as the operating system counts it. */
  memory(): { now: number; peak: number };
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Stops it where it runs, and removes its database and folder. */
  remove(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../../apps/standalone/dist/main.js', import.meta.url));
const READY = /^Tidemark is ready at (\S+)/m;

export async function startSystem(options: SystemOptions = {}): Promise<RunningSystem> {
  const { like } = options;
  const home = like?.home ?? (await makeHome());
  const database = like ? undefined : await createTestDatabase();
  const databaseUrl = like?.databaseUrl ?? database?.url ?? '';
  const { child, log, exited } = launch(settingsOf(options, { home, databaseUrl }), options.within ?? []);
  const url = await ready(child, exited, log);
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> => {
    child.kill(signal);
    return await exited;
  };
  return {
    client: new SystemClient(url),
    url,
    pid: child.pid ?? 0,
    home,
    archives: join(home, 'archives'),
    databaseUrl,
    log,
    memory: () => memoryOf(child.pid ?? 0),
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
    remove: async () => {
      await end('SIGTERM');
      await rm(home, { recursive: true, force: true });
      await database?.drop();
    },
  };
}

function settingsOf(
  { settings, proxy }: SystemOptions,
  { home, databaseUrl }: Pick<RunningSystem, 'home' | 'databaseUrl'>,
): Record<string, string> {
  return {
    TIDEMARK_HOME: home,
    TIDEMARK_FILE_ROOTS: join(home, 'archives'),
    DATABASE_URL: proxy?.urlOf(databaseUrl) ?? databaseUrl,
    AMQP_URL: '',
    PORT: '0',
    ...settings,
  };
}

/** Runs standalone to its end and tells how it ended: for starts that must fail. */
export async function runSystem(
  settings: Readonly<Record<string, string>>,
): Promise<{ code: number | null; stderr: string }> {
  const { log, exited } = launch({ AMQP_URL: '', ...settings }, []);
  return { code: await exited, stderr: log() };
}

interface Launched {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly log: () => string;
}

function launch(settings: Readonly<Record<string, string>>, within: readonly string[]): Launched {
  const [command, ...rest] = [...within, process.execPath, ...SERVICE_NODE_FLAGS, MAIN];
  const child = spawn(command, rest, {
    env: { ...environment(), NODE_OPTIONS: '', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return { child, exited, log: () => log };
}

async function ready(child: ChildProcess, exited: Promise<unknown>, log: () => string): Promise<string> {
  let output = '';
  return await new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const url = READY.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    });
    exited.then(() => reject(new Error(`standalone ended before it was ready:\n${log()}`)), reject);
  });
}

/** PostgreSQL may run as another user and must be able to enter. */
async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-test-'));
  await chmod(home, 0o755);
  return home;
}

function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { now: 1024 * kilobytes('VmRSS'), peak: 1024 * kilobytes('VmHWM') };
}
