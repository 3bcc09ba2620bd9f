import { readFile, stat } from 'node:fs/promises';

import { NoServerUserError } from '../errors.js';

/** A user of this machine, by whom a server is run. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const PREFERRED = ['postgres', 'nobody'];

/**
 * Whom PostgreSQL runs as: as root the first of `postgres` and `nobody` that exists, else undefined, which is ourselves.
 * Throws {@link NoServerUserError}. Never makes a user.
 */
export async function findServerUser(passwdFile?: string): Promise<ServerUser | undefined> {
  const found = await findUser(PREFERRED, passwdFile);
  if (!found && isRoot()) throw new NoServerUserError(PREFERRED);
  return found;
}

/** As root the first of the named users that exists; else undefined, which is ourselves. */
export async function findUser(names: readonly string[], passwdFile?: string): Promise<ServerUser | undefined> {
  if (!isRoot()) return undefined;
  const users = await usersOf(passwdFile);
  return names.map((name) => users.find((user) => user.name === name)).find((user) => user !== undefined);
}

/** As root the owner of something that exists, so that it can go on as it began; else undefined, which is ourselves. */
export async function findOwner(path: string): Promise<ServerUser | undefined> {
  if (!isRoot()) return undefined;
  const { uid, gid } = await stat(path);
  const known = (await usersOf()).find((user) => user.uid === uid);
  return known ?? { name: `number ${uid}`, uid, gid };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

async function usersOf(passwdFile = '/etc/passwd'): Promise<ServerUser[]> {
  return parsePasswd(await readFile(passwdFile, 'utf8').catch(() => ''));
}

/** The users of a passwd file who are not root; lines of another form are left out. */
export function parsePasswd(text: string): ServerUser[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length === 7)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0);
}
