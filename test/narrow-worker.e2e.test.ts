/**
 * A worker whose settings allow less than those of its gateway: it refuses by itself what the gateway has let through.
 * And it asks no proxy, whatever its environment says.
 */
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { brokerIsThere, errorOf, startServices, TestProcess, type RunningServices } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

const whereItIs = brokerIsThere() ? describe : describe.skip;
const OF_SOMEBODY_ELSE = 'of somebody else';

/** Nobody must ever come here. */
const trap = createServer((socket) => socket.destroy());
let visits = 0;
trap.on('connection', () => visits++);

whereItIs('a worker that allows less than its gateway', () => {
  let it: RunningServices;
  let depot: TestProcess;
  let base: string;
  let trapPort: number;
  beforeAll(async () => {
    base = await realpath(await mkdtemp(join(tmpdir(), 'tidemark-narrow-')));
    for (const folder of ['archives', 'archives2', 'depot']) await mkdir(join(base, folder));
    for (const name of ['a.zip', 'archives2/a.zip']) await writeFile(join(base, name), OF_SOMEBODY_ELSE);
    await symlink('..', join(base, 'archives', 'link'));
    await symlink('../a.zip', join(base, 'archives', 'link.zip'));
    await once(trap.listen(0, '127.0.0.1'), 'listening');
    trapPort = (trap.address() as AddressInfo).port;
    const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: join(base, 'depot') };
    depot = await new TestProcess({ app: 'archive-depot', settings }).start();
    const proxy = `http://127.0.0.1:${trapPort}`;
    const origins = ['127.0.0.1', 'localhost', '127.0.0.2', '[::1]'].map((host) => `http://${host}:${trapPort}`);
    it = await startServices({
      settingsOf: {
        gateway: {
          TIDEMARK_FILE_ROOTS: base,
          TIDEMARK_HTTP_ALLOW: [depot.url, ...origins].join(),
          TIDEMARK_HTTP_ALLOW_PRIVATE: '0.0.0.0/0, ::/0',
        },
        'transfer-worker': {
          TIDEMARK_FILE_ROOTS: join(base, 'archives'),
          TIDEMARK_HTTP_ALLOW: [`${depot.url}/archives`, `${origins[0]}/archives`, ...origins.slice(2)].join(),
          TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
          HTTP_PROXY: proxy,
          http_proxy: proxy,
          ALL_PROXY: proxy,
          NO_PROXY: '',
          no_proxy: '',
          NODE_USE_ENV_PROXY: '1',
        },
      },
    });
    await it.client.put('/a', { n: 1 });
  });
  afterAll(async () => {
    await it.remove();
    await depot.stop();
    trap.close();
    await rm(base, { recursive: true });
  });

  const rows: readonly [trick: string, destination: () => string, code: string][] = [
    ['a folder outside of its own', () => `file:${base}/a.zip`, 'DESTINATION_NOT_ALLOWED'],
    ['a folder that begins like its own', () => `file:${base}/archives2/a.zip`, 'DESTINATION_NOT_ALLOWED'],
    ['a link out of its own', () => `file:${base}/archives/link/a.zip`, 'DESTINATION_NOT_ALLOWED'],
    ['a link in place of the archive', () => `file:${base}/archives/link.zip`, 'DESTINATION_INVALID'],
    ['a URL beside its prefix', () => `http://127.0.0.1:${trapPort}/other/a.zip`, 'DESTINATION_NOT_ALLOWED'],
    ['a name in place of its address', () => `http://localhost:${trapPort}/archives/a.zip`, 'DESTINATION_NOT_ALLOWED'],
    [
      'an address that it does not list',
      () => `http://127.0.0.2:${trapPort}/archives/a.zip`,
      'DESTINATION_NOT_ALLOWED',
    ],
    [
      'an IPv6 address that it does not list',
      () => `http://[::1]:${trapPort}/archives/a.zip`,
      'DESTINATION_NOT_ALLOWED',
    ],
  ];

  test.each(rows)('refuses %s', async (_trick, destination, code) => {
    const jobs = [await it.client.backup(destination()), await it.client.restore(destination())];
    for (const { body } of jobs) expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error: { code } });
    expect(visits).toBe(0);
    expect((await readdir(base)).sort()).toEqual(['a.zip', 'archives', 'archives2', 'depot']);
    expect((await readdir(join(base, 'archives'))).sort()).toEqual(['link', 'link.zip']);
    expect(await readdir(join(base, 'archives2'))).toEqual(['a.zip']);
    for (const name of ['a.zip', 'archives2/a.zip']) {
      expect(await readFile(join(base, name), 'utf8')).toBe(OF_SOMEBODY_ELSE);
    }
  });

  test.each([
    ['file:/etc/passwd', 403, 'DESTINATION_NOT_ALLOWED'],
    ['file:/proc/self/environ', 403, 'DESTINATION_NOT_ALLOWED'],
    ['http://169.254.169.254/latest/meta-data', 403, 'DESTINATION_NOT_ALLOWED'],
    ['http://user@127.0.0.1/archives/a.zip', 400, 'DESTINATION_INVALID'],
    ['file:/var/backup/..;/a.zip', 400, 'DESTINATION_INVALID'],
    ['gopher://127.0.0.1/a.zip', 400, 'DESTINATION_INVALID'],
  ] as const)('never hears of %s', async (destination, status, code) => {
    const before = await it.client.call<{ documentCount: number }>('GET', '/core/management/jobs');
    for (const answer of [await it.client.backup(destination), await it.client.restore(destination)]) {
      expect(errorOf(answer)).toMatchObject({ statusCode: status, code });
    }
    const after = await it.client.call<{ documentCount: number }>('GET', '/core/management/jobs');
    expect(after.body.documentCount).toBe(before.body.documentCount);
  });

  test('takes what both allow, past every proxy of its environment', async () => {
    for (const destination of [`file:${base}/archives/ok.zip`, `${depot.url}/archives/ok.zip`]) {
      expect((await it.client.backup(destination)).body).toMatchObject({ state: 'SUCCEEDED' });
      expect((await it.client.restore(destination)).body).toMatchObject({ state: 'SUCCEEDED' });
    }
    expect(visits).toBe(0);
  });
});
