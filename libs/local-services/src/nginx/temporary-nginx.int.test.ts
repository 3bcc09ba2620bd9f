import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { silentLogger as log } from '@tidemark/platform';

import { NoNginxError } from '../errors.js';
import { packagesOf } from '../host/debian-packages.js';
import { isThere } from '../host/folders.js';
import { ordinaryUser, type OrdinaryUser } from '../ordinary-user.fixture.test.js';
import { allGone, own } from '../owner.fixture.test.js';
import { findNginx, isWanted } from './find-nginx.js';

jest.setTimeout(120_000); // packages are fetched, for another user once more

const reason = await findNginx(log).then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof NoNginxError) return error.message;
    throw error;
  },
);
const whereItIs = reason === undefined ? describe : describe.skip;

const START = `(async () => {
  const { findNginx, temporaryNginx } = await import('@tidemark/local-services');
  const server = 'location /served { return 200 "here"; }';
  return temporaryNginx({ program: await findNginx(log), server, logFormat: '$request_uri' });
})()`;

/** Where an nginx has all that it writes, as its command line says. */
async function folderOf(pid: number): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)]);
  return / -p (\S+) /.exec(stdout)?.[1] ?? '';
}

let somebody: OrdinaryUser;
beforeAll(async () => {
  somebody = await ordinaryUser();
});
afterAll(() => somebody.remove());

whereItIs('nginx', () => {
  test('serves, and goes with the process that it belongs to, with all that it wrote', async () => {
    const { owner, said, allGone: keepersGone } = await own(START);
    expect(await (await fetch(`${said.url}/served`)).text()).toBe('here');
    const folder = await folderOf(said.pid);
    expect(await isThere(folder)).toBe(true);
    owner.kill('SIGKILL');
    await keepersGone;
    await allGone([said.pid]);
    expect(await isThere(folder)).toBe(false);
  });

  test('is had and run by an ordinary user as well', async () => {
    const said = await somebody.run(`
      import { createLogger } from '@tidemark/platform';
      const log = createLogger({ service: 'ordinary', level: 'warn' });
      const nginx = await ${START};
      const answered = await (await fetch(nginx.url + '/served')).text();
      console.log(process.getuid(), answered, await nginx.requests());
      await nginx.stop();
    `);
    expect(said).toBe(`${somebody.uid} here [ '/served' ]`);
  });
});

test('of all that nginx depends on only libraries are fetched that are not everywhere', () => {
  const named = ['nginx', 'libc6', 'libcrypt1', 'libpcre2-8-0', 'libssl3', 'zlib1g', 'iproute2', 'nginx-common'];
  const described = [...named, 'nginx-core', 'nginx-full', 'libssl3t64', 'libssl1.1', '<debconf-2.0>', 'libssl3'];
  expect(packagesOf(described.join('\n  Depends: libpcre3\n')).filter(isWanted)).toEqual([
    ...['nginx', 'libcrypt1', 'libpcre2-8-0', 'libssl3', 'nginx-core', 'libssl3t64', 'libssl1.1'],
  ]);
});
