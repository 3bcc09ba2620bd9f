import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { silentLogger as log, sleep, unusedPort } from '@tidemark/platform';

import {
  ClusterVersionError,
  FolderClosedError,
  FolderForeignError,
  FolderInUseError,
  PortTakenError,
  ServerRefusedError,
  ServerStartError,
} from '../errors.js';
import { temporaryFolder } from '../host/folders.js';
import { isAlive } from '../host/processes.js';
import { findServerUser, type ServerUser } from '../host/server-user.js';
import { askPostgres } from './ask-postgres.js';
import type { LocalPostgres } from './local-postgres.js';
import { startPostgres, type PostgresOptions } from './start-postgres.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

const isRoot = process.getuid?.() === 0;
const onlyAsRoot = isRoot ? test : undefined;
const onlyAsOrdinaryUser = isRoot ? undefined : test;

let user: ServerUser | undefined;
let folder: string;
const started: LocalPostgres[] = [];

async function start(options: Partial<PostgresOptions> = {}): Promise<LocalPostgres> {
  const server = await startPostgres({ folder, log, ...options });
  started.push(server);
  return server;
}

async function valueOf(server: LocalPostgres, statement: string): Promise<string | null | undefined> {
  return (await askPostgres(server.url, statement))[0]?.[0];
}

beforeAll(async () => {
  user = await findServerUser();
  folder = await mkdtemp(join(await temporaryFolder(user), 'tidemark-test-'));
  await chmod(folder, 0o755);
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a server on a folder', () => {
  test('keeps what was written from start to start', async () => {
    const first = await start();
    await askPostgres(first.url, "CREATE TABLE kept AS SELECT 'still here' AS words");
    await first.stop();
    expect(await first.exited).toMatchObject({ expected: true });
    expect(isAlive(first.pid)).toBe(false);

    const second = await start();
    expect(await valueOf(second, 'SELECT words FROM kept')).toBe('still here');
    expect(second.version).toMatch(/^18\./);
  });

  test('sorts text by its bytes and stores UTF-8', async () => {
    const server = await start();
    const sorted = "SELECT string_agg(word, '' ORDER BY word) FROM unnest('{ä,a,B,😀,é}'::text[]) AS word";
    expect(await valueOf(server, sorted)).toBe('Baäé😀');
    expect(await valueOf(server, 'SHOW server_encoding')).toBe('UTF8');
  });

  test('takes the settings of its caller, but nobody may open it to the network', async () => {
    const server = await start({
      settings: { work_mem: '5MB', listen_addresses: '*', unix_socket_directories: '/tmp' },
    });
    expect(await valueOf(server, 'SHOW work_mem')).toBe('5MB');
    expect(await valueOf(server, 'SHOW listen_addresses')).toBe('127.0.0.1');
    expect(await valueOf(server, 'SHOW unix_socket_directories')).toBe('');
  });

  test('lets nobody in without the password, which only we can read', async () => {
    const server = await start();
    const wrong = server.url.replace(/:[0-9a-f]{48}@/, ':wrong@');
    expect(wrong).not.toBe(server.url);
    const refused: unknown = await askPostgres(wrong, 'SELECT 1').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ServerRefusedError);
    expect(refused).toMatchObject({ sqlState: '28P01' });
    const { mode, uid } = await stat(join(folder, 'cluster', 'password'));
    expect([mode & 0o777, uid]).toEqual([0o600, process.getuid?.()]);
    expect((await stat(join(folder, 'cluster', 'data'))).mode & 0o777).toBe(0o700);
  });

  test('is refused while another one runs there, and the error names the folder and the process', async () => {
    await start();
    const refused: unknown = await startPostgres({ folder, log }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FolderInUseError);
    expect(refused).toMatchObject({ folder, pid: process.pid });
    expect((refused as Error).message).toContain(`${folder} is in use by process ${process.pid}`);
  });

  test('names a port that is taken, and leaves the folder free', async () => {
    const port = await unusedPort();
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    await expect(startPostgres({ folder, log, port })).rejects.toThrow(new PortTakenError(port));
    other.close();
    await once(other, 'close');
    expect((await start({ port })).port).toBe(port);
  });

  test('can be stopped twice', async () => {
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
  });

  test('gives up its start when the signal aborts, and leaves no process and a usable folder', async () => {
    const aborted = new AbortController();
    const starting = startPostgres({ folder, log, signal: aborted.signal });
    aborted.abort(new Error('changed my mind'));
    await expect(starting).rejects.toThrow('changed my mind');
    expect(await readdir(join(folder, 'cluster', 'data'))).not.toContain('postmaster.pid');
    await start();
  });

  test('shows what the server said when it does not start', async () => {
    const starting = startPostgres({ folder, log, settings: { shared_buffers: 'plenty' } });
    await expect(starting).rejects.toThrow(ServerStartError);
    await expect(starting).rejects.toThrow(/invalid value for parameter "shared_buffers": "plenty"/);
  });
});

describe('after a crash', () => {
  test('of the server: its end is told, and the next start has the rows', async () => {
    const server = await start();
    await askPostgres(server.url, 'CREATE TABLE crashed AS SELECT 7 AS number');
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toMatchObject({ expected: false, code: null, signal: 'SIGKILL' });
    const again = await start();
    expect(await valueOf(again, 'SELECT number FROM crashed')).toBe('7');
  });

  test('of the server: the next start waits for those of its processes that have not noticed yet', async () => {
    const server = await start();
    const asked = askPostgres(server.url, 'SELECT pg_sleep(600)').catch((error: unknown) => error);
    const child = await childThatSleeps(server);
    process.kill(child, 'SIGSTOP');
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    const starting = start();
    const serverLog = (): Promise<string> => readFile(join(folder, 'server.log'), 'utf8');
    while (!(await serverLog()).includes('pre-existing shared memory block')) await sleep(5);
    process.kill(child, 'SIGCONT');
    expect(await valueOf(await starting, 'SELECT words FROM kept')).toBe('still here');
    expect(await asked).toBeInstanceOf(Error);
  });

  test('of the machine: a process id that now is another program is not taken for a server', async () => {
    const server = await start();
    const pidFile = join(folder, 'cluster', 'data', 'postmaster.pid');
    const [, ...rest] = (await readFile(pidFile, 'utf8')).split('\n');
    await server.stop();
    const other = await sleeperOf(user);
    try {
      await writeFile(pidFile, [other.pid, ...rest].join('\n'));
      if (user) await chown(pidFile, user.uid, user.gid);
      await start();
      expect(isAlive(other.pid ?? 0)).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
  });
});

describe('folders that cannot be used', () => {
  test('a cluster of another major version', async () => {
    const versionFile = join(folder, 'cluster', 'data', 'PG_VERSION');
    const kept = await readFile(versionFile, 'utf8');
    await writeFile(versionFile, '12\n');
    try {
      await expect(startPostgres({ folder, log })).rejects.toThrow(new ClusterVersionError(folder, '12', '18'));
    } finally {
      await writeFile(versionFile, kept);
    }
  });

  onlyAsRoot?.('a folder that the user of the server cannot enter', async () => {
    const closed = await mkdtemp(join(await temporaryFolder(user), 'tidemark-test-'));
    const below = join(closed, 'below');
    try {
      const refused = new FolderClosedError(below, closed, user?.name ?? '');
      await expect(startPostgres({ folder: below, log })).rejects.toThrow(refused);
      expect(await readdir(below)).toEqual([]);
    } finally {
      await rm(closed, { recursive: true });
    }
  });

  onlyAsOrdinaryUser?.('a folder of another user', async () => {
    await expect(startPostgres({ folder: '/root/tidemark', log })).rejects.toThrow(FolderForeignError);
  });

  // The last one: from here on the folder belongs to somebody else.
  onlyAsRoot?.('but a cluster of an ordinary user is none of them: root goes on as that user', async () => {
    await chownTree(join(folder, 'cluster', 'data'), { uid: 12_345, gid: 12_345 });
    const server = await start();
    expect((await stat(join(folder, 'cluster', 'data', 'postmaster.pid'))).uid).toBe(12_345);
    expect(await valueOf(server, 'SELECT words FROM kept')).toBe('still here');
  });
});

async function childThatSleeps(server: LocalPostgres): Promise<number> {
  const sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND wait_event = 'PgSleep'";
  for (;;) {
    const pid = await valueOf(server, sleeping);
    if (pid) return Number(pid);
  }
}

/** A program that is no server, of the user whom the server runs as. */
async function sleeperOf(owner: ServerUser | undefined): Promise<ChildProcess> {
  const child = spawn('sleep', ['60'], { cwd: '/', ...(owner ? { uid: owner.uid, gid: owner.gid } : {}) });
  await once(child, 'spawn');
  return child;
}

async function chownTree(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  const below = await readdir(path, { recursive: true });
  for (const entry of [path, ...below.map((name) => join(path, name))]) await chown(entry, uid, gid);
}
