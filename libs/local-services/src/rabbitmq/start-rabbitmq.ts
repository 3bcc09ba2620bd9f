import { realpath, rm } from 'node:fs/promises';

import type { Logger } from '@tidemark/platform';

import { namingFolder } from '../host/explain.js';
import { isThere, makeOpenFolder } from '../host/folders.js';
import { KeptProgram } from '../host/kept-program.js';
import { findOwner, findUser, type ServerUser } from '../host/server-user.js';
import { Keeper } from '../keeper/keeper.js';
import { askRabbitMq } from './ask-rabbitmq.js';
import type { BrokerPrograms } from './broker-programs.js';
import type { BrokerSettings } from './broker-settings.js';
import { launchBroker } from './launch.js';
import type { LocalRabbitMq } from './local-rabbitmq.js';
import { makeNode } from './make-node.js';
import { brokerUrl, nodeFolder, serverLog, stateFolder, type BrokerPlace } from './place.js';
import { endBroker, freeFolder } from './processes.js';
import { findBrokerPrograms } from './programs.js';

export interface RabbitMqOptions {
  /** Made if it is not there; the queues live in it, but for a broker in a container. */
  readonly folder: string;
  /** Default 0: any that is free, another one at each start. */
  readonly port?: number;
  readonly log: Logger;
  /** Ends the start; without effect once the broker is there. */
  readonly signal?: AbortSignal;
  /** What it is run with; by default what this machine has or can get. */
  readonly programs?: BrokerPrograms;
  /** For this start; what is not set is RabbitMQ's own. */
  readonly settings?: BrokerSettings;
}

/** RabbitMQ runs as root as well, but nothing of it has to. */
const PREFERRED_USERS = ['rabbitmq', 'nobody'];

/**
 * Starts a broker on a folder that keeps its queues from start to start; resolves when a client has logged in. Throws a
 * LocalServiceError: NoRabbitMqError where none can be had, FolderInUseError when a living process has one there.
 */
export function startRabbitMq(options: RabbitMqOptions): Promise<LocalRabbitMq> {
  return namingFolder(options.folder, async () => {
    const programs = options.programs ?? (await findBrokerPrograms(options.log));
    await makeOpenFolder(options.folder);
    const folder = await realpath(options.folder);
    const place = { folder, programs, user: await userOf(folder, programs), temporary: false };
    await freeFolder(place);
    await makeNode(place);
    return startBroker(place, await Keeper.open(), options);
  });
}

/** Whom a new broker runs as; the client of a container engine runs as ourselves. */
export async function newUser({ kind }: BrokerPrograms): Promise<ServerUser | undefined> {
  return kind === 'node' ? findUser(PREFERRED_USERS) : undefined;
}

/** An existing node goes on under the user whom its files belong to. */
async function userOf(folder: string, programs: BrokerPrograms): Promise<ServerUser | undefined> {
  const state = stateFolder(nodeFolder({ folder }));
  return programs.kind === 'node' && (await isThere(state)) ? findOwner(state) : newUser(programs);
}

/** Launches the broker under `keeper`, which is closed if that fails. */
export async function startBroker(
  place: BrokerPlace,
  keeper: Keeper,
  options: Pick<RabbitMqOptions, 'port' | 'log' | 'signal' | 'settings'>,
): Promise<LocalRabbitMq> {
  try {
    const { port, identity, running, logOffset } = await launchBroker(place, keeper, { port: 0, ...options });
    const url = brokerUrl(identity, port);
    const { version } = await askRabbitMq(url);
    const log = { file: serverLog(place), offset: logOffset };
    const kept = new KeptProgram({ keeper, running, log, endOrphan: () => endOrphan(place) });
    options.log.info({ folder: place.folder, port, pid: running.pid, version }, 'RabbitMQ started');
    return { url, port, version, pid: running.pid, exited: kept.exited, stop: () => kept.stop() };
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

async function endOrphan(place: BrokerPlace): Promise<void> {
  await endBroker(place);
  if (place.temporary) await rm(place.folder, { recursive: true, force: true });
}
