import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Logger } from '@tidemark/platform';

import { NoNginxError } from '../errors.js';
import { findCommand, pathFolders } from '../host/commands.js';
import { unpackDebianPackages } from '../host/debian-packages.js';

/** An nginx that can be run, and the environment that it wants. */
export interface NginxProgram {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The one that is installed, else the one of Debian's packages, unpacked into a cache; else throws NoNginxError. */
export async function findNginx(log: Logger): Promise<NginxProgram> {
  const installed = await findInstalled();
  if (typeof installed !== 'string') return installed;
  const packaged = await findPackaged(log);
  if (typeof packaged !== 'string') return packaged;
  throw new NoNginxError([installed, packaged]);
}

async function findInstalled(): Promise<NginxProgram | string> {
  const command = await findCommand('nginx', [...pathFolders(), '/usr/sbin', '/usr/local/sbin']);
  if (command === undefined) return 'nginx is neither installed nor in the PATH';
  const program = { command, env: {} };
  return (await obstacleOf(program)) ?? program;
}

async function findPackaged(log: Logger): Promise<NginxProgram | string> {
  const unpacked = await unpackDebianPackages({ root: 'nginx', isWanted }, log);
  if (typeof unpacked === 'string') return unpacked;
  const { folder } = unpacked;
  const processors = (await readdir(join(folder, 'usr/lib'))).filter((name) => name.includes('-linux-'));
  const libraries = ['usr/lib', 'lib'].flatMap((above) => processors.map((name) => join(folder, above, name)));
  const program = { command: join(folder, 'usr/sbin/nginx'), env: { LD_LIBRARY_PATH: libraries.join(':') } };
  return (await obstacleOf(program)) ?? program;
}

/** nginx and the libraries that not every machine has; the C library is the machine's own. */
export function isWanted(name: string): boolean {
  return /^(nginx|nginx-core|libssl\d[\w.]*|libpcre\d[\w-]*|libcrypt1)$/.test(name);
}

/** Why a program cannot be used, if so. */
async function obstacleOf({ command, env }: NginxProgram): Promise<string | undefined> {
  try {
    const { stderr } = await promisify(execFile)(command, ['-V'], { env });
    return stderr.includes('http_dav_module') ? undefined : `${command} has no module for PUT`;
  } catch (error) {
    return `${command} does not run: ${(error as Error).message.trim().split('\n').at(-1) ?? ''}`;
  }
}
