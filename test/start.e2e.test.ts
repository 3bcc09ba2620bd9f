import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { unusedPort } from '@tidemark/platform';
import {
  BACKUP_KIND,
  createTestDatabase,
  errorOf,
  runSystem,
  startSystem,
  type RunningSystem,
  type TestDatabase,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** How standalone starts, and how it says why it cannot: in one line that names the setting, with exit code 1. */
let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-start-'));
  await writeFile(join(folder, 'file'), '');
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

type Settings = Readonly<Record<string, string>>;

/** A start with these settings over ones that would do. */
const start = (settings: Settings): ReturnType<typeof runSystem> =>
  runSystem({
    TIDEMARK_HOME: join(folder, 'home'),
    TIDEMARK_FILE_ROOTS: join(folder, 'archives'),
    DATABASE_URL: database.url,
    PORT: '0',
    ...settings,
  });

describe('a start that cannot be', () => {
  const inUse = (port: number, setting: string): unknown => ({
    code: 1,
    stderr: `tidemark: port ${port} is in use; start with ${setting}=${port + 1}\n`,
  });

  test.each(['PORT', 'TIDEMARK_DEPOT_PORT'])('because %s is in use: nothing has been made', async (setting) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const home = join(folder, 'home-of-none');
    expect(await start({ [setting]: String(port), TIDEMARK_HOME: home })).toEqual(inUse(port, setting));
    other.close();
    expect(existsSync(home)).toBe(false);
  });

  test('because its two ports are one', async () => {
    const port = await unusedPort();
    const both = { PORT: String(port), TIDEMARK_DEPOT_PORT: String(port) };
    expect(await start(both)).toEqual(inUse(port, 'TIDEMARK_DEPOT_PORT'));
  });

  test('because the folder of its depot is none', async () => {
    const home = join(folder, 'home-with-file');
    await mkdir(home);
    await writeFile(join(home, 'depot'), '');
    const says = 'TIDEMARK_HOME: the folder depot in it cannot be used: it is no folder';
    expect(await start({ TIDEMARK_HOME: home })).toEqual({ code: 1, stderr: `tidemark: ${says}\n` });
  });

  /** One of each kind; each service's own settings have tests beside them. */
  const rows: [settings: Settings, says: string][] = [
    [{ PORT: 'secret' }, 'PORT: must be a port number'],
    [{ TIDEMARK_DEPOT_PORT: 'secret' }, 'TIDEMARK_DEPOT_PORT: must be a port number'],
    [{ TIDEMARK_DEPOT_TOKENS: 'secret' }, 'TIDEMARK_DEPOT_TOKENS: entry 1 must be a token of at least 16 characters'],
    [{ HOST: '203.0.113.7', TIDEMARK_AUTH: 'none' }, 'HOST, PORT: '],
    [{ HOST: '0.0.0.0' }, 'HOST is not a loopback address'],
    [{ TIDEMARK_HOME: '/proc/tidemark' }, 'TIDEMARK_HOME: the folder cannot be used: '],
    [{ TIDEMARK_HOME: 'secret' }, 'TIDEMARK_HOME: must be an absolute path'],
    [{ DATABASE_URL: 'secret' }, 'DATABASE_URL: must be a postgres:// URL'],
    [{ DATABASE_URL: 'postgres://me:secret@127.0.0.1:9/x' }, 'DATABASE_URL: the database cannot be used: '],
    [{ TIDEMARK_PART_BYTES: '1' }, 'TIDEMARK_PART_BYTES: must be at least 65536'],
    [{ TIDEMARK_API_TOKENS: 'secret' }, 'TIDEMARK_API_TOKENS: entry 1 must be name:role:token'],
    [{ TIDEMARK_SECRET_KEY: 'secret' }, 'TIDEMARK_SECRET_KEY: 32 random bytes in base64 are wanted'],
    [{ TIDEMARK_FILE_ROOTS: 'secret' }, 'TIDEMARK_FILE_ROOTS: entry 1 must be an absolute path'],
  ];

  test('because of a setting', async () => {
    const lines = [];
    // Two at a time: each is a process.
    for (let at = 0; at < rows.length; at += 2) {
      const pair = rows.slice(at, at + 2).map(async ([settings, says]) => {
        const { code, stderr } = await start(settings);
        const [line = '', ...more] = stderr.split('\n');
        return {
          settings,
          code,
          line: line.slice(0, `tidemark: ${says}`.length),
          more,
          hidden: !line.includes('secret'),
        };
      });
      lines.push(...(await Promise.all(pair)));
    }
    expect(lines).toEqual(
      rows.map(([settings, says]) => ({ settings, code: 1, line: `tidemark: ${says}`, more: [''], hidden: true })),
    );
  });

  test('because the database is not there', async () => {
    const url = new URL(database.url);
    url.pathname = '/tidemark_no_such_database';
    const { code, stderr } = await start({ DATABASE_URL: url.href });
    expect([code, stderr]).toEqual([
      1,
      'tidemark: DATABASE_URL: the database cannot be used: database "tidemark_no_such_database" does not exist\n',
    ]);
  });
});

describe('roots that cannot be used', () => {
  let it: RunningSystem;
  let roots: readonly [inProc: string, belowAFile: string, good: string];
  beforeAll(async () => {
    roots = ['/proc/tidemark/archives', join(folder, 'file/archives'), join(folder, 'good')];
    const settings = { TIDEMARK_FILE_ROOTS: roots.join(','), HOST: '0.0.0.0', TIDEMARK_AUTH: 'none' };
    it = await startSystem({ settings });
  });
  afterAll(() => it.remove());

  test('do not keep it from serving, here to everybody as TIDEMARK_AUTH says', async () => {
    expect(new URL(it.url).hostname).toBe('127.0.0.1');
    expect((await it.client.call('GET', '/core/health/ready')).status).toBe(200);
  });

  test('are named at start, with what would help and what works already; a PATCH gets the same text', async () => {
    const [inProc, belowAFile, good] = roots;
    for (const [root, reason, remedy] of [
      [inProc, 'cannot be created: no such file or directory (ENOENT)', 'sudo install -d -o '],
      [
        belowAFile,
        'cannot be used: not a directory (ENOTDIR)',
        `sudo mv ${folder}/file ${folder}/file.moved && sudo install -d -o `,
      ],
    ] as const) {
      const refused = await it.client.backup(`file:${root}/a.zip`);
      const { code, message } = errorOf(refused);
      expect([refused.status, code]).toEqual([403, 'ROOT_UNUSABLE']);
      expect(message).toContain(`The folder ${root} (TIDEMARK_FILE_ROOTS) ${reason}. To make it usable: \`${remedy}`);
      expect(message).toContain(`A destination that works already: file:${good}/archive.zip`);
      expect(it.log()).toContain(JSON.stringify(message).slice(1, -1));
      const { body } = await it.client.call<{ fileRoots: unknown[] }>('GET', '/core/management');
      expect(body.fileRoots).toContainEqual({ root, serves: [], complaint: message });
    }
  });

  test('and the destination that is named does work', async () => {
    const { status } = await it.client.backup(`file:${roots[2]}/archive.zip`);
    expect([status, await readdir(roots[2])]).toEqual([200, ['archive.zip']]);
  });

  test('one that is repaired is usable at once', async () => {
    await rm(join(folder, 'file'));
    expect((await it.client.backup(`file:${roots[1]}/a.zip`)).status).toBe(200);
    await rm(join(folder, 'file'), { recursive: true });
    await writeFile(join(folder, 'file'), '');
    const gone = await it.client.call('PATCH', '/core/management', {
      body: { kind: BACKUP_KIND, destination: `file:${roots[1]}/a.zip` },
    });
    expect([gone.status, errorOf(gone).code]).toEqual([403, 'ROOT_UNUSABLE']);
  });
});
