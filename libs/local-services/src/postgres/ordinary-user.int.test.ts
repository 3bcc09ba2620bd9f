import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, copyFile, cp, link, mkdir, mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { isThere, temporaryFolder } from '../host/folders.js';
import { findServerUser, type ServerUser } from '../host/server-user.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** As root the user that plays the ordinary one; undefined if the tests are run by one. */
let user: ServerUser | undefined;
let above: string;
let home: string;

beforeAll(async () => {
  user = await findServerUser();
  above = await mkdtemp(join(await temporaryFolder(user), 'tidemark-test-'));
  home = join(above, 'home');
  await mkdir(home);
  await chmod(above, 0o755);
  await chmod(home, 0o700);
  if (user) {
    await chown(home, user.uid, user.gid);
    await copyWhatRuns();
  }
});

afterAll(() => rm(above, { recursive: true, force: true }));

describe('an ordinary user', () => {
  test('keeps a server in a closed home: databases, programs and all', async () => {
    const said = await runAsOrdinaryUser(`
      import { startPostgres, temporaryPostgres } from '@tidemark/local-services';
      import { silentLogger as log } from '@tidemark/platform';
      const folder = ${JSON.stringify(join(home, 'databases'))};
      const first = await startPostgres({ folder, log });
      await first.stop();
      const [again, temporary] = await Promise.all([startPostgres({ folder, log }), temporaryPostgres({ log })]);
      console.log(process.getuid(), first.version, again.version, temporary.version);
      await Promise.all([again.stop(), temporary.stop()]);
    `);
    const uid = user?.uid ?? process.getuid?.();
    expect(said).toBe(`${uid} 18.4 18.4 18.4`);
    expect((await stat(join(home, 'databases', 'cluster', 'data'))).uid).toBe(uid);
    expect((await stat(join(home, 'databases', 'cluster', 'password'))).uid).toBe(uid);
    expect(await isThere(join(home, '.cache', 'tidemark'))).toBe(true);
  });
});

async function runAsOrdinaryUser(script: string): Promise<string> {
  const child = spawn(user ? join(above, 'node') : process.execPath, ['--input-type=module', '-e', script], {
    cwd: user ? above : join(import.meta.dirname, '..', '..'),
    env: { PATH: process.env.PATH, HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(user ? { uid: user.uid, gid: user.gid } : {}),
  });
  const closed = once(child, 'close');
  const said = (await child.stdout.toArray()).join('');
  await closed;
  return said.trim();
}

/** The checkout may be closed to other users, so the other one gets Node and this lib with all that they need. */
async function copyWhatRuns(): Promise<void> {
  await link(process.execPath, join(above, 'node')).catch(() => copyFile(process.execPath, join(above, 'node')));
  const seen = new Set<string>();
  await copyPackage('@tidemark/local-services', seen);
}

async function copyPackage(name: string, seen: Set<string>): Promise<void> {
  const from = join(import.meta.dirname, '..', '..', '..', '..', 'node_modules', name);
  if (seen.has(name) || !(await isThere(from))) return;
  seen.add(name);
  const to = join(above, 'node_modules', name);
  const source = await realpath(from);
  await cp(source, to, { recursive: true, filter: (path) => !path.startsWith(join(source, 'src')) });
  const described = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as Record<string, object>;
  for (const needed of Object.keys({ ...described.dependencies, ...described.optionalDependencies })) {
    await copyPackage(needed, seen);
  }
}
