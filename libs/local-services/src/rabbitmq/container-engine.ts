import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { findCommand, pickEnvironment } from '../host/commands.js';
import type { Program } from '../keeper/program.js';
import type { ContainerEngine } from './broker-programs.js';
import { settingArguments, type BrokerSettings } from './broker-settings.js';
import { ADMINISTRATOR, type Identity } from './place.js';

const IMAGE = 'rabbitmq:4.2-alpine';
const ANSWER_MILLIS = 5_000;
const CLIENT_SETTINGS = ['PATH', 'HOME', 'XDG_RUNTIME_DIR', 'DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG'] as const;

/** Docker, if an engine answers its client. */
export async function findContainerEngine(): Promise<ContainerEngine | string> {
  const docker = await findCommand('docker');
  if (docker === undefined) return 'there is no docker in the PATH';
  try {
    await promisify(execFile)(docker, ['version', '--format', '{{.Server.Version}}'], { timeout: ANSWER_MILLIS });
    return { kind: 'container', docker, from: `the image ${IMAGE}` };
  } catch {
    return 'no engine answers docker';
  }
}

/** A broker in a container that goes when its client is asked to; the password is not on the command line. */
export function containerProgram(
  { docker }: ContainerEngine,
  { nodeName, password }: Identity,
  { port, settings }: { port: number; settings: BrokerSettings },
): Pick<Program, 'command' | 'args' | 'env'> {
  const [name = ''] = nodeName.split('@');
  return {
    command: docker,
    args: [
      ...['run', '--rm', '--name', name, '--publish', `127.0.0.1:${port}:5672`],
      ...['--env', 'RABBITMQ_DEFAULT_USER', '--env', 'RABBITMQ_DEFAULT_PASS'],
      ...['--env', 'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS', IMAGE],
    ],
    env: {
      ...pickEnvironment(...CLIENT_SETTINGS),
      RABBITMQ_DEFAULT_USER: ADMINISTRATOR,
      RABBITMQ_DEFAULT_PASS: password,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: settingArguments(settings).join(' '),
    },
  };
}
