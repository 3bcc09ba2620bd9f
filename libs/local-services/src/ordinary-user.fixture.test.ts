import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, copyFile, cp, link, mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { isThere, temporaryFolder } from './host/folders.js';
import { findServerUser } from './host/server-user.js';

/** Somebody who is not root and has a home that nobody else can enter: ourselves, or as root another user. */
export interface OrdinaryUser {
  readonly uid: number;
  readonly home: string;
  /** Runs a script of this lib's importers as that user; answers what it printed. */
  run(script: string): Promise<string>;
  remove(): Promise<void>;
}

export async function ordinaryUser(): Promise<OrdinaryUser> {
  const user = await findServerUser();
  const above = await mkdtemp(join(await temporaryFolder(user), 'tidemark-test-'));
  const home = join(above, 'home');
  await mkdir(home);
  await chmod(above, 0o755);
  await chmod(home, 0o700);
  if (user) {
    await chown(home, user.uid, user.gid);
    await copyWhatRuns(above);
  }
  return {
    uid: user?.uid ?? process.getuid?.() ?? 0,
    home,
    remove: () => rm(above, { recursive: true, force: true }),
    run: async (script) => {
      const child = spawn(user ? join(above, 'node') : process.execPath, ['--input-type=module', '-e', script], {
        cwd: user ? above : join(import.meta.dirname, '..'),
        env: { PATH: process.env.PATH, HOME: home },
        stdio: ['ignore', 'pipe', 'inherit'],
        ...(user ? { uid: user.uid, gid: user.gid } : {}),
      });
      const closed = once(child, 'close');
      const said = (await child.stdout.toArray()).join('');
      await closed;
      return said.trim();
    },
  };
}

/** The checkout may be closed to other users, so the other one gets Node and this lib with all that they need. */
async function copyWhatRuns(above: string): Promise<void> {
  await link(process.execPath, join(above, 'node')).catch(() => copyFile(process.execPath, join(above, 'node')));
  await copyPackage('@tidemark/local-services', { above, seen: new Set() });
}

async function copyPackage(name: string, copies: { above: string; seen: Set<string> }): Promise<void> {
  const { above, seen } = copies;
  const from = join(import.meta.dirname, '..', '..', '..', 'node_modules', name);
  if (seen.has(name) || !(await isThere(from))) return;
  seen.add(name);
  const to = join(above, 'node_modules', name);
  const source = await realpath(from);
  await cp(source, to, { recursive: true, filter: (path) => !path.startsWith(join(source, 'src')) });
  const described = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as Record<string, object>;
  for (const needed of Object.keys({ ...described.dependencies, ...described.optionalDependencies })) {
    await copyPackage(needed, copies);
  }
}
