import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';

import type { Logger } from '@tidemark/platform';

import { LocalServiceError, PackagesUnusableError } from '../errors.js';
import { findCommand, pickEnvironment } from './commands.js';
import { lastLines } from './explain.js';
import { cacheFolders } from './folders.js';
import { isWhole, writeManifest } from './manifest.js';
import { keepPrograms } from './program-cache.js';
import type { Building } from './whole-folder.js';

/** What is to be unpacked. */
export interface WantedPackages {
  /** The package that the others belong to; its copy is called by it. */
  readonly root: string;
  /** Which of all that it depends on are unpacked, itself included. */
  readonly isWanted: (name: string) => boolean;
  /** What has to be done to the files before they are used. */
  readonly complete?: (folder: string) => Promise<void>;
}

const NEEDED = ['apt-get', 'apt-cache', 'dpkg-deb'];
export const SYSTEM_PATH = '/usr/bin:/bin';
const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

/**
 * The folder that packages of this Debian or Ubuntu are unpacked in, or why they cannot be. It lies in a cache, nothing
 * is installed: apt works on lists of its own there and knows of no installed package, so nothing of the system is
 * touched and nobody has to be root.
 */
export async function unpackDebianPackages(
  wanted: WantedPackages,
  log: Logger,
  roots = cacheFolders(),
): Promise<{ readonly folder: string } | string> {
  for (const command of NEEDED) {
    const found = await findCommand(command, SYSTEM_PATH.split(':'));
    if (found === undefined) return `there is no ${command} to fetch it with`;
  }
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const version = /^VERSION_ID="?([\w.]+)/m.exec(release)?.[1] ?? 'testing';
  const name = `${wanted.root}-debian-${version}-${process.arch}`;
  try {
    const build = (building: Building): Promise<void> => unpack(wanted, building);
    return { folder: await keepPrograms(roots, { name, isWhole, build, log }) };
  } catch (error) {
    if (error instanceof LocalServiceError) return error.message;
    throw error;
  }
}

async function unpack({ root, isWanted, complete }: WantedPackages, { folder, keeper }: Building): Promise<void> {
  const apt = join(folder, 'apt');
  const packages = join(apt, 'packages');
  for (const below of ['lists/partial', 'cache/archives/partial', 'state', 'packages']) {
    await mkdir(join(apt, below), { recursive: true });
  }
  await chmod(folder, 0o755);
  const run = (command: string, ...args: string[]): Promise<string> => runIn(packages, keeper, [command, ...args]);
  const settings = aptSettings(apt);
  await run('apt-get', ...settings, 'update');
  const described = await run('apt-cache', ...settings, ...DEPENDS, root);
  await run('apt-get', ...settings, 'download', ...packagesOf(described).filter(isWanted));
  for (const file of await readdir(packages)) await run('dpkg-deb', '--extract', file, folder);
  await rm(apt, { recursive: true });
  await rm(join(folder, 'usr/share'), { recursive: true });
  await complete?.(folder);
  await writeManifest(folder, await filesBelow(folder));
}

const DEPENDS = [
  'depends',
  '--recurse',
  ...['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map((relation) => `--no-${relation}`),
];

/** The packages that `apt-cache depends --recurse` tells of, each once; not those that are only a name for others. */
export function packagesOf(described: string): string[] {
  return [...new Set(described.split('\n').filter((line) => /^[a-z0-9][a-z0-9.+-]+$/.test(line)))];
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
    env: { PATH: SYSTEM_PATH, LC_ALL: 'C', ...pickEnvironment(...PROXIES) },
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

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
