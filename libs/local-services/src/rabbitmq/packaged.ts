import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Logger } from '@tidemark/platform';

import { SYSTEM_PATH, unpackDebianPackages } from '../host/debian-packages.js';
import type { NodePrograms } from './broker-programs.js';

/** RabbitMQ and Erlang from the packages of this Debian or Ubuntu, unpacked into a cache. */
export async function findPackaged(log: Logger): Promise<NodePrograms | string> {
  const complete = (folder: string): Promise<void> => makeRelocatable(join(folder, 'usr/lib/erlang'));
  const unpacked = await unpackDebianPackages({ root: 'rabbitmq-server', isWanted, complete }, log);
  if (typeof unpacked === 'string') return unpacked;
  const { folder } = unpacked;
  return {
    kind: 'node',
    server: join(folder, 'usr/lib/rabbitmq/bin/rabbitmq-server'),
    epmd: join(folder, 'usr/bin/epmd'),
    path: `${join(folder, 'usr/bin')}:${SYSTEM_PATH}`,
    from: `Debian's packages, unpacked in ${folder}`,
  };
}

/** RabbitMQ and Erlang; what else they depend on is there wherever apt is, or not used by a broker that we run. */
export function isWanted(name: string): boolean {
  return /^(rabbitmq-server|erlang-[a-z0-9-]+)$/.test(name) && !name.endsWith('-hipe');
}

/** The scripts know Erlang only at the place where the package would have installed it. */
async function makeRelocatable(erlang: string): Promise<void> {
  const runtimes = (await readdir(erlang)).filter((name) => name.startsWith('erts-'));
  for (const below of ['.', ...runtimes]) {
    const erl = join(erlang, below, 'bin', 'erl');
    const up = below === '.' ? '..' : '../..';
    const own = `ROOTDIR="$(cd "$(dirname "$(readlink -f "$0")")/${up}" && pwd)"`;
    await writeFile(erl, (await readFile(erl, 'utf8')).replaceAll('ROOTDIR=/usr/lib/erlang', own));
  }
}
