import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

import { sleep } from '@tidemark/platform';

import { BrokerStartError, PortTakenError, type LocalServiceError } from '../errors.js';
import { explain, lastLines, sizeOf, type Explanation } from '../host/explain.js';
import { freePorts } from '../host/free-port.js';
import { hasSaid } from '../host/said.js';
import type { Keeper, ProgramExit, RunningProgram } from '../keeper/keeper.js';
import type { Program } from '../keeper/program.js';
import { containerProgram } from './container-engine.js';
import { nodeFolder, readIdentity, serverLog, stateFolder, type BrokerPlace, type Identity } from './place.js';
import { endBroker, endingOf, writeProcesses } from './processes.js';
import type { NodePrograms } from './broker-programs.js';
import { settingArguments, type BrokerSettings } from './broker-settings.js';

export interface LaunchOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** Ends the start, not the broker once it is there. */
  readonly signal?: AbortSignal | undefined;
  readonly settings?: BrokerSettings | undefined;
}

/** A broker that accepts connections. */
export interface Launched {
  readonly port: number;
  readonly identity: Identity;
  readonly running: RunningProgram;
  /** Where this run begins in the broker's log. */
  readonly logOffset: number;
}

interface Ports {
  readonly amqp: number;
  readonly epmd: number;
  readonly distribution: number;
}

const READY = 'Server startup complete';
const PORT_ATTEMPTS = 5;
const KNOCK_EVERY_MILLIS = 20;
const LARGE_LOG_BYTES = 2 ** 20;

/** Runs the broker under `keeper` until it accepts connections; again when another process was faster on a free port. */
export async function launchBroker(place: BrokerPlace, keeper: Keeper, options: LaunchOptions): Promise<Launched> {
  if ((await sizeOf(serverLog(place))) > LARGE_LOG_BYTES) await rename(serverLog(place), `${serverLog(place)}.old`);
  for (let attempt = 1; ; attempt++) {
    try {
      return await launchOnce(place, keeper, options);
    } catch (error) {
      if (!(error instanceof PortTakenError) || options.port !== 0 || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function launchOnce(place: BrokerPlace, keeper: Keeper, options: LaunchOptions): Promise<Launched> {
  const { port, signal, settings = {} } = options;
  const [amqp, epmd, distribution] = await freePorts(port, 0, 0);
  const identity = await readIdentity(place);
  const log = { file: serverLog(place), offset: await sizeOf(serverLog(place)) };
  const running = await run(place, keeper, { identity, ports: { amqp, epmd, distribution }, settings, signal });
  if (await hasSaid(READY, { log, ended: running.exited, signal })) {
    return { port: amqp, identity, running, logOffset: log.offset };
  }
  const exit = await running.exited;
  if (exit.keeperLost) await endBroker(place);
  throw await failureOf(place, { port: amqp, logOffset: log.offset }, exit);
}

interface Run {
  readonly identity: Identity;
  readonly ports: Ports;
  readonly settings: BrokerSettings;
  readonly signal: AbortSignal | undefined;
}

async function run(place: BrokerPlace, keeper: Keeper, wanted: Run): Promise<RunningProgram> {
  const { programs } = place;
  const { identity, ports, signal } = wanted;
  if (programs.kind === 'container') {
    const broker = await keeper.run(
      complete(place, containerProgram(programs, identity, { port: ports.amqp, settings: wanted.settings })),
    );
    await writeProcesses(place, [{ pid: broker.pid, mark: identity.nodeName.split('@')[0] ?? '' }]);
    return broker;
  }
  const register = await keeper.run(complete(place, registerProgram(programs, ports)));
  const registered = { pid: register.pid, mark: `-port ${ports.epmd}` };
  await writeProcesses(place, [registered]);
  if (!(await accepts(ports.epmd, register, signal))) throw new PortTakenError(ports.epmd);
  const broker = await keeper.run(complete(place, brokerProgram(place, programs, wanted)));
  await writeProcesses(place, [registered, { pid: broker.pid, mark: identity.nodeName }]);
  return broker;
}

function complete(place: BrokerPlace, program: Pick<Program, 'command' | 'args' | 'env'>): Program {
  return { ...program, user: place.user, output: serverLog(place), ending: endingOf(place) };
}

/** In the foreground: the one that Erlang would start by itself is a daemon, and nobody ends it. */
function registerProgram({ epmd, path }: NodePrograms, ports: Ports): Pick<Program, 'command' | 'args' | 'env'> {
  return { command: epmd, args: ['-port', String(ports.epmd), '-address', '127.0.0.1'], env: { PATH: path } };
}

/** Everything that RabbitMQ would look for elsewhere is said; all its ports are of 127.0.0.1. */
function brokerProgram(
  place: BrokerPlace,
  { server, path }: NodePrograms,
  { identity, ports, settings }: Run,
): Pick<Program, 'command' | 'args' | 'env'> {
  const state = stateFolder(nodeFolder(place));
  return {
    command: server,
    args: ['-tidemark_owner', String(process.pid), '-tidemark_node', identity.nodeName],
    env: {
      PATH: path,
      HOME: state,
      LANG: 'C.UTF-8',
      ERL_AFLAGS: '-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}',
      ERL_CRASH_DUMP_SECONDS: '0',
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_EPMD_PORT: String(ports.epmd),
      ERL_INETRC: join(state, 'names'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(state, 'advanced.config'),
      RABBITMQ_CONF_ENV_FILE: join(state, 'environment.conf'),
      RABBITMQ_CONFIG_FILE: join(state, 'rabbitmq.conf'),
      RABBITMQ_DIST_PORT: String(ports.distribution),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(state, 'enabled_plugins'),
      RABBITMQ_LOG_BASE: join(state, 'log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_MNESIA_BASE: join(state, 'mnesia'),
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(ports.amqp),
      RABBITMQ_NODENAME: identity.nodeName,
      // One scheduler: the queues here are short, and each costs memory.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: ['+S 1:1', ...settingArguments(settings)].join(' '),
      // Its script then becomes the broker instead of waiting for it.
      RUNNING_UNDER_SYSTEMD: 'true',
    },
  };
}

/** Whether somebody listens at the port before the program that should has ended. */
async function accepts(port: number, running: RunningProgram, signal: AbortSignal | undefined): Promise<boolean> {
  const over = new AbortController();
  void running.exited.then(() => over.abort());
  while (!over.signal.aborted) {
    const socket = connect({ host: '127.0.0.1', port });
    const isAccepted = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isAccepted) return true;
    await sleep(KNOCK_EVERY_MILLIS, signal);
  }
  return false;
}

async function failureOf(
  place: BrokerPlace,
  { port, logOffset }: Pick<Launched, 'port' | 'logOffset'>,
  exit: ProgramExit,
): Promise<LocalServiceError> {
  const lines = await lastLines(serverLog(place), logOffset);
  const known: Explanation[] = [{ says: /eaddrinuse|in use by/i, means: () => new PortTakenError(port) }];
  const shown = lines.length > 0 ? lines.slice(-5) : [`no output, exit code ${exit.code}, signal ${exit.signal}`];
  return explain(lines, { place, known, otherwise: () => new BrokerStartError(place.folder, shown) });
}
