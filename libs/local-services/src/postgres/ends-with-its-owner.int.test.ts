import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { silentLogger as log } from '@tidemark/platform';

import { FolderInUseError } from '../errors.js';
import { isThere, temporaryFolder } from '../host/folders.js';
import { isRunning } from '../host/processes.js';
import { findServerUser } from '../host/server-user.js';
import { contains, own, parentOf, spawnOwner } from '../owner.fixture.test.js';
import { askPostgres } from './ask-postgres.js';
import { startPostgres } from './start-postgres.js';
import { temporaryPostgres } from './temporary-postgres.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(await temporaryFolder(await findServerUser()), 'tidemark-test-'));
  await chmod(folder, 0o755);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What initdb makes; without `.new-` it was through with all before anybody looked, and the test begins again. */
const isOfDatabases = (path: string): boolean => /(^|\/)cluster(\.new-\w+)?\/data\/base$/.test(path);

describe('a temporary server', () => {
  test('leaves nothing behind after stop', async () => {
    const server = await temporaryPostgres({ log });
    const below = await folderOf(server.url);
    expect(await readdir(below)).toContain('server.log');
    await server.stop();
    expect([await isThere(below), await isRunning(server.pid)]).toEqual([false, false]);
  });

  test.each([
    ['is killed', (owner: ChildProcess) => owner.kill('SIGKILL')],
    ['ends without stopping it', (owner: ChildProcess) => owner.stdin?.end()],
  ])('leaves nothing behind when its owner %s', async (_how, end) => {
    const { owner, said, allGone } = await own('temporaryPostgres({ log })');
    const below = await folderOf(said.url);
    expect([await isThere(below), await isRunning(said.pid)]).toEqual([true, true]);
    end(owner);
    await allGone;
    expect([await isThere(below), await isRunning(said.pid)]).toEqual([false, false]);
  });

  test('leaves nothing behind when its keeper is killed', async () => {
    const server = await temporaryPostgres({ log });
    const below = await folderOf(server.url);
    process.kill(await parentOf(server.pid), 'SIGKILL');
    expect(await server.exited).toMatchObject({ expected: false });
    expect([await isThere(below), await isRunning(server.pid)]).toEqual([false, false]);
  });

  test('leaves nothing behind when its owner is killed while initdb makes the databases', async () => {
    let seen: string;
    do {
      const { owner, allGone } = spawnOwner('temporaryPostgres({ log })', { TMPDIR: folder });
      seen = await contains(folder, isOfDatabases);
      owner.kill('SIGKILL');
      await allGone;
      expect(await readdir(folder)).toEqual([]);
    } while (!seen.includes('cluster.new-'));
  });
});

describe('a server on a folder', () => {
  const starting = (): string => `startPostgres({ folder: ${JSON.stringify(folder)}, log })`;

  test('whose owner is killed while initdb makes the databases leaves no half of them', async () => {
    do {
      for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
      const { owner, allGone } = spawnOwner(starting());
      await contains(folder, isOfDatabases);
      owner.kill('SIGKILL');
      await allGone;
    } while (await isThere(join(folder, 'cluster')));
    expect(await readdir(folder)).toEqual([]);
  });

  test('ends when its owner is killed, and the next owner finds what was acknowledged', async () => {
    const { owner, said, allGone } = await own(starting());
    await askPostgres(said.url, 'CREATE TABLE acknowledged AS SELECT 42 AS answer');
    owner.kill('SIGKILL');
    await allGone;
    expect(await isRunning(said.pid)).toBe(false);
    const next = await startPostgres({ folder, log });
    expect(await askPostgres(next.url, 'SELECT answer FROM acknowledged')).toEqual([['42']]);
    await next.stop();
  });

  test('is refused to a second process, which names the first, and free as soon as that is killed', async () => {
    const { owner } = await own(starting());
    const refused: unknown = await startPostgres({ folder, log }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FolderInUseError);
    expect(refused).toMatchObject({ folder, pid: owner.pid });
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const next = await startPostgres({ folder, log }); // its keeper may still be at work
    await next.stop();
  });

  test('is not left alone when its keeper is killed', async () => {
    const server = await startPostgres({ folder, log });
    const keeper = await parentOf(server.pid);
    expect(keeper).not.toBe(process.pid);
    process.kill(keeper, 'SIGKILL');
    const { expected, lastLines } = await server.exited;
    expect([expected, lastLines.at(-1)]).toEqual([false, 'the keeper of the server was killed']);
    expect(await isRunning(server.pid)).toBe(false);
    await server.stop();
  });

  test('whose owner and keeper were both killed is ended by the next start', async () => {
    const { owner, said } = await own(starting());
    const keeper = await parentOf(said.pid);
    process.kill(keeper, 'SIGSTOP'); // so that it does not see what happens to its owner
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    process.kill(keeper, 'SIGKILL');
    expect(await isRunning(said.pid)).toBe(true);
    const next = await startPostgres({ folder, log });
    expect(next.pid).not.toBe(said.pid);
    expect(await isRunning(said.pid)).toBe(false);
    await next.stop();
  });
});

/** The folder that holds all of a server. */
async function folderOf(url: string): Promise<string> {
  const rows = await askPostgres(url, 'SHOW data_directory');
  return dirname(dirname(rows[0]?.[0] ?? ''));
}
