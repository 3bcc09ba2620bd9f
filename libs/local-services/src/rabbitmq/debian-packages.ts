import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import type { Logger } from '@tidemark/platform';

import { LocalServiceError, PackagesUnusableError } from '../errors.js';
import { findCommand, pickEnvironment } from '../host/commands.js';
import { lastLines } from '../host/explain.js';
import { cacheFolders } from '../host/folders.js';
import { isWhole, writeManifest } from '../host/manifest.js';
import { keepPrograms } from '../host/program-cache.js';
import type { Building } from '../host/whole-folder.js';
import type { NodePrograms } from './broker-programs.js';

const NEEDED = ['apt-get', 'apt-cache', 'dpkg-deb'];
const PATH = '/usr/bin:/bin';
const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

/**
 * RabbitMQ and Erlang from the packages of this Debian or Ubuntu, unpacked into a cache and not installed: apt works on
 * lists of its own there and knows of no installed package, so nothing of the system is touched and nobody has to be root.
 */
export async function unpackDebianPackages(log: Logger, roots = cacheFolders()): Promise<NodePrograms | string> {
  for (const command of NEEDED) {
    if ((await findCommand(command, PATH.split(':'))) === undefined) return `there is no ${command} to fetch it with`;
  }
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const version = /^VERSION_ID="?([\w.]+)/m.exec(release)?.[1] ?? 'testing';
  try {
    const name = `rabbitmq-debian-${version}-${process.arch}`;
    const copy = await keepPrograms(roots, { name, isWhole, build, log });
    return {
      kind: 'node',
      server: join(copy, 'usr/lib/rabbitmq/bin/rabbitmq-server'),
      epmd: join(copy, 'usr/bin/epmd'),
      path: `${join(copy, 'usr/bin')}:${PATH}`,
      from: `Debian's packages, unpacked in ${copy}`,
    };
  } catch (error) {
    if (error instanceof LocalServiceError) return error.message;
    throw error;
  }
}

async function build({ folder, keeper }: Building): Promise<void> {
  const apt = join(folder, 'apt');
  const packages = join(apt, 'packages');
  for (const below of ['lists/partial', 'cache/archives/partial', 'state', 'packages']) {
    await mkdir(join(apt, below), { recursive: true });
  }
  await chmod(folder, 0o755);
  const run = (command: string, ...args: string[]): Promise<string> => runIn(packages, keeper, [command, ...args]);
  const settings = aptSettings(apt);
  await run('apt-get', ...settings, 'update');
  const described = await run('apt-cache', ...settings, ...DEPENDS, 'rabbitmq-server');
  await run('apt-get', ...settings, 'download', ...wantedPackages(described));
  for (const file of await readdir(packages)) await run('dpkg-deb', '--extract', file, folder);
  await rm(apt, { recursive: true });
  await rm(join(folder, 'usr/share'), { recursive: true });
  await makeRelocatable(join(folder, 'usr/lib/erlang'));
  await writeManifest(folder, await filesBelow(folder));
}

const DEPENDS = [
  'depends',
  '--recurse',
  ...['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map((relation) => `--no-${relation}`),
];

/** RabbitMQ and Erlang; what else they depend on is there wherever apt is, or not used by a broker that we run. */
export function wantedPackages(depends: string): string[] {
  const names = depends.split('\n').filter((line) => /^(rabbitmq-server|erlang-[a-z0-9-]+)$/.test(line));
  return [...new Set(names)].filter((name) => !name.endsWith('-hipe'));
}

function aptSettings(apt: string): string[] {
  const settings = {
    'Dir::State': join(apt, 'state'),
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(apt, 'cache'),
    'Debug::NoLocking': 'true',
    'Acquire::Languages': 'none',
    'Acquire::http::Timeout': '20',
    quiet: '2',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** Runs a program in `folder` and answers what it said; it goes when we do. */
async function runIn(folder: string, keeper: Building['keeper'], command: readonly string[]): Promise<string> {
  const output = join(folder, '..', 'output');
  await rm(output, { force: true });
  const running = await keeper.run({
    command: '/bin/sh',
    args: ['-c', 'cd "$0" && exec "$@"', folder, ...command],
    env: { PATH, LC_ALL: 'C', ...pickEnvironment(...PROXIES) },
    output,
    ending: [
      { signal: 'SIGTERM', millis: 5_000 },
      { signal: 'SIGKILL', millis: 5_000 },
    ],
  });
  const { code } = await running.exited;
  if (code !== 0) throw new PackagesUnusableError(command[0] ?? '', (await lastLines(output, 0)).slice(-3));
  return await readFile(output, 'utf8');
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

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
