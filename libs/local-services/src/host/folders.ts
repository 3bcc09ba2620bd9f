import { access, chmod, constants, mkdir, stat, statfs } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { environment, errnoOf } from '@tidemark/platform';

import { FolderClosedError } from '../errors.js';
import type { ServerUser } from './server-user.js';

const ROOMY_BYTES = 2 ** 30;
const TEMPORARY_FOLDERS = (): string[] => [...new Set([tmpdir(), '/tmp', '/var/tmp'].map((path) => resolve(path)))];

/** Makes the folder and what is missing above it, mode 0755 whatever the umask, so that the server's user can enter. */
export async function makeOpenFolder(folder: string): Promise<void> {
  const above = dirname(folder);
  if (above !== folder && !(await isThere(above))) await makeOpenFolder(above);
  try {
    await mkdir(folder);
    await chmod(folder, 0o755);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** The topmost folder on the way to `folder`, itself included, that `user` may not enter; undefined if none is. */
export async function closedFolder(folder: string, user: ServerUser | undefined): Promise<string | undefined> {
  if (!user) return undefined;
  const above = dirname(folder);
  const closedAbove = above === folder ? undefined : await closedFolder(above, user);
  if (closedAbove !== undefined) return closedAbove;
  const { mode, uid, gid } = await stat(folder);
  const mask = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return mode & mask ? undefined : folder;
}

/** Where to keep programs that can be had again: best first. In shared temporary folders under a name of our own. */
export function cacheFolders(): string[] {
  const uid = process.getuid?.() ?? 0;
  return [...ownCacheFolder(uid), ...TEMPORARY_FOLDERS().map((folder) => join(folder, `tidemark-cache-${uid}`))];
}

/** A folder for short-lived files that the server's user can enter, with room if there is one. */
export async function temporaryFolder(user: ServerUser | undefined): Promise<string> {
  const found: { folder: string; free: number }[] = [];
  for (const folder of TEMPORARY_FOLDERS()) {
    if ((await isWritable(folder)) && !(await closedFolder(folder, user))) {
      found.push({ folder, free: await freeBytes(folder) });
    }
  }
  const best = found.find(({ free }) => free >= ROOMY_BYTES) ?? found.sort((a, b) => b.free - a.free)[0];
  if (!best) throw new FolderClosedError(tmpdir(), tmpdir(), user?.name ?? 'of this process');
  return best.folder;
}

async function isWritable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Bytes that an ordinary user may still write there. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function ownCacheFolder(uid: number): string[] {
  if (uid === 0) return ['/var/cache/tidemark'];
  const { XDG_CACHE_HOME } = environment();
  if (XDG_CACHE_HOME) return [join(XDG_CACHE_HOME, 'tidemark')];
  try {
    return [join(homedir(), '.cache', 'tidemark')];
  } catch {
    return []; // neither HOME nor a line in /etc/passwd: there is no home
  }
}
