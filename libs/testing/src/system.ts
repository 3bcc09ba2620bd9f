import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { environment } from '@tidemark/platform';

import type { PostgresProxy } from './postgres-proxy.js';
import { Services, type WayTo, type ServiceCounts, type ServicesIdentity, type SettingsByApp } from './services.js';
import { SystemClient } from './system-client.js';
import { createTestDatabase } from './test-database.js';
import { NotReadyError, TestProcess } from './test-process.js';

export interface SystemOptions {
  /** Settings over those of the harness; an empty value is one that is not set. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Of an earlier system, to go on where it was: its database and its folder, and its keys and queues. */
  readonly like?: Pick<RunningSystem, 'home' | 'databaseUrl' | 'services'>;
  /** Its database is reached by way of this. */
  readonly proxy?: PostgresProxy;
  /** A command that runs the one behind it in its own place, such as `nice`. */
  readonly within?: readonly string[];
  /** The server that its database is made on; that of the test run unless given. A superuser's. */
  readonly postgresUrl?: string;
}

/** A whole system with a database and a folder of its own. */
export interface RunningSystem {
  readonly client: SystemClient;
  readonly url: string;
  readonly home: string;
  /** A folder that archives may go to. */
  readonly archives: string;
  readonly databaseUrl: string;
  /** Each of its processes; of standalone the one. */
  readonly processes: readonly TestProcess[];
  /** The one that writes and reads archives. */
  readonly worker: TestProcess;
  /** Undefined where everything is in one process. */
  readonly services: ServicesIdentity | undefined;
  /** Everything that its processes wrote to their standard error. */
  readonly log: () => string;
  /** SIGTERM; resolves with the exit code, the first that is not 0 of several. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Every process stands still until it is killed. */
  freeze(): void;
  /** Stops it where it runs, and removes its database, its folder and its queues. */
  remove(): Promise<void>;
}

/** Where a system has what it keeps. */
interface Place {
  readonly home: string;
  readonly databaseUrl: string;
}

/**
 * Standalone in a process of its own; where TIDEMARK_TEST_SYSTEM is `services`, a process for each service, with
 * RabbitMQ between them.
 */
export async function startSystem(options: SystemOptions = {}): Promise<RunningSystem> {
  if (environment().TIDEMARK_TEST_SYSTEM === 'services') return await startServices(options);
  const { within = [] } = options;
  const place = await makePlace(options);
  const settings = { AMQP_URL: '', PORT: '0', TIDEMARK_DEPOT_PORT: '0', ...settingsOf(options, place) };
  const one = await new TestProcess({ app: 'standalone', settings, within }).start();
  return {
    ...describe(place, one.url),
    processes: [one],
    worker: one,
    services: undefined,
    log: () => one.log,
    stop: () => one.stop(),
    kill: () => one.kill(),
    freeze: () => one.freeze(),
    remove: async () => {
      await one.stop();
      await place.remove();
    },
  };
}

export interface RunningServices extends RunningSystem {
  readonly gateways: readonly TestProcess[];
  /** Where each gateway listens for workers. */
  readonly internalUrls: readonly string[];
  readonly indexServices: readonly TestProcess[];
  readonly workers: readonly TestProcess[];
  readonly services: ServicesIdentity;
}

/** A process for each service, or several, and RabbitMQ between them: the test broker, or the one that is given. */
export async function startServices(
  options: SystemOptions & {
    readonly counts?: ServiceCounts;
    readonly amqpUrl?: string;
    readonly script?: string;
    readonly wayTo?: WayTo;
    readonly settingsOf?: SettingsByApp;
  } = {},
): Promise<RunningServices> {
  const place = await makePlace(options);
  const services = new Services({ ...options, ...place, settings: settingsOf(options, place) });
  await services.start();
  const { gateways, internalUrls, indexServices, workers, processes, identity } = services;
  const [gateway] = gateways;
  const [worker] = workers;
  if (!gateway || !worker) throw new Error('a system has a gateway and a worker');
  return {
    ...describe(place, gateway.url),
    gateways,
    internalUrls,
    indexServices,
    workers,
    processes,
    worker,
    services: identity,
    log: () => processes.map(({ log }) => log).join(''),
    stop: () => services.stop(),
    kill: () => services.kill(),
    freeze: () => processes.forEach((process) => process.freeze()),
    remove: async () => {
      await services.remove();
      await place.remove();
    },
  };
}

/** Runs standalone to its end and tells how it ended: for starts that must fail. */
export async function runSystem(
  settings: Readonly<Record<string, string>>,
): Promise<{ code: number | null; stderr: string }> {
  const one = new TestProcess({ app: 'standalone', settings: { AMQP_URL: '', TIDEMARK_DEPOT_PORT: '0', ...settings } });
  try {
    await one.start();
  } catch (error) {
    if (error instanceof NotReadyError) return { code: error.code, stderr: error.log };
    throw error;
  }
  return { code: await one.ended, stderr: one.log };
}

function describe({ home, databaseUrl }: Place, url: string) {
  return { client: new SystemClient(url), url, home, archives: join(home, 'archives'), databaseUrl };
}

function settingsOf({ settings, proxy }: SystemOptions, { home, databaseUrl }: Place): Record<string, string> {
  return {
    TIDEMARK_HOME: home,
    TIDEMARK_FILE_ROOTS: join(home, 'archives'),
    DATABASE_URL: proxy?.urlOf(databaseUrl) ?? databaseUrl,
    ...settings,
  };
}

/** PostgreSQL may run as another user and must be able to enter the folder. */
async function makePlace({ like, postgresUrl }: SystemOptions): Promise<Place & { remove(): Promise<void> }> {
  const home = like?.home ?? (await mkdtemp(join(tmpdir(), 'tidemark-test-')));
  if (!like) await chmod(home, 0o755);
  const database = like ? undefined : await createTestDatabase(postgresUrl);
  return {
    home,
    databaseUrl: like?.databaseUrl ?? database?.url ?? '',
    remove: async () => {
      await rm(home, { recursive: true, force: true });
      await database?.drop();
    },
  };
}
