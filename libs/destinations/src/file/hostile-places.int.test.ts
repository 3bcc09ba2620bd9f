/** What lies in a folder and must not be followed, read, written or replaced; and what must work: with real files. */
import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { Operation } from '@tidemark/contracts';
import { allowedFiles } from '@tidemark/testing';

import { expectCode, go, readAll } from '../contract/place-under-test.contract.js';
import type { Destination } from '../destination.js';
import { toFileUri } from '../parse/file-uri.js';
import { parseDestination } from '../parse/parse-destination.js';
import { createDestinationPolicy, type DestinationPolicy } from '../policy/destination-policy.js';
import { tempName } from '../temp-name.js';
import { FileDestination } from './file-destination.js';
import { attempt, backup } from './root-under-test.contract.js';

let base: string;
let root: string;
let policy: DestinationPolicy;
const servers: Server[] = [];

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'tidemark-hostile-')));
  root = join(base, 'ü-archives');
  for (const folder of [root, join(base, 'outside'), `${root}2`]) {
    await mkdir(folder);
    await writeFile(join(folder, 'a.zip'), 'of somebody else');
  }
  await rm(join(root, 'a.zip'));
  policy = createDestinationPolicy({ fileRoots: [root], httpAllow: [], httpAllowPrivate: [] });
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(base, { recursive: true });
});

async function at(destination: string, operation: Operation): Promise<Destination> {
  const allowed = await policy.check(parseDestination(destination), operation);
  if (allowed.scheme !== 'file') throw new Error('not a file');
  return new FileDestination(allowed);
}

const linkTo = (target: string) => (path: string) => symlink(target.replace('<root>', root), path);
const special = (command: string) => (path: string) => {
  execFileSync('sh', ['-c', command.replace('PATH', '"$0"'), path]);
};
type Made = (path: string) => unknown;
/** Only the superuser can make them. */
const DEVICES: [trick: string, make: Made][] =
  process.getuid?.() === 0
    ? [
        ['a device of characters', special('mknod PATH c 1 5')],
        ['a device of blocks', special('mknod PATH b 7 99')],
      ]
    : [];

/** What is made at `x` or `x/y` -> what a backup to `x/…/a.zip` and a restore from there say. */
const ON_THE_WAY: readonly [trick: string, make: Made, code: string, restoring?: string][] = [
  ['a link to a folder outside', linkTo('../outside'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to a folder outside, absolute', linkTo('<root>/../outside'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to the folder around the root', linkTo('..'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to a folder that begins with the name of the root', linkTo('<root>2'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to the top', linkTo('/'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to the root of the process', linkTo('/proc/self/root'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to the folder of the process', linkTo('/proc/self/cwd'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to the open files of the process', linkTo('/proc/self/fd'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to the devices', linkTo('/dev'), 'DESTINATION_NOT_ALLOWED'],
  ['a link to a file outside', linkTo('../outside/a.zip'), 'DESTINATION_INVALID', 'ARCHIVE_NOT_FOUND'],
  ['a link to nothing, outside', linkTo('../outside/new'), 'DESTINATION_INVALID', 'ARCHIVE_NOT_FOUND'],
  ['a link to itself', linkTo('x'), 'DESTINATION_INVALID'],
  ['a pipe', special('mkfifo PATH'), 'DESTINATION_INVALID', 'ARCHIVE_NOT_FOUND'],
  ['a file', (path) => writeFile(path, 'x'), 'DESTINATION_INVALID', 'ARCHIVE_NOT_FOUND'],
  [
    'a link to a link out',
    async (path) => {
      await symlink('../outside', `${path}2`);
      await symlink('x2', path);
    },
    'DESTINATION_NOT_ALLOWED',
  ],
  [
    'two links to each other',
    async (path) => {
      await symlink('x2', path);
      await symlink('x', `${path}2`);
    },
    'DESTINATION_INVALID',
  ],
];

/** What is made at `a.zip` itself; refused both ways. */
const AT_THE_END: readonly [trick: string, make: Made][] = [
  ['a link to an archive outside', linkTo('../outside/a.zip')],
  ['a link to an archive inside', linkTo('b.zip')],
  ['a link to nothing, outside', linkTo('../outside/new.zip')],
  ['a link to itself', linkTo('a.zip')],
  ['a link to a folder outside', linkTo('../outside')],
  ['a link to a device', linkTo('/dev/zero')],
  ['a link to an open file of the process', linkTo('/proc/self/fd/0')],
  ['a folder', (path) => mkdir(path)],
  ['a pipe', special('mkfifo PATH')],
  ['a socket', (path) => new Promise<void>((made) => servers.push(createServer().listen(path, made)))],
  ...DEVICES,
];

async function expectOutsideUntouched(): Promise<void> {
  for (const folder of [join(base, 'outside'), `${root}2`]) {
    expect(await readdir(folder)).toEqual(['a.zip']);
    expect(await readFile(join(folder, 'a.zip'), 'utf8')).toBe('of somebody else');
  }
  expect((await readdir(base)).sort()).toEqual(['outside', 'ü-archives', 'ü-archives2']);
}

describe.each(ON_THE_WAY)('%s on the way', (_trick, make, code, restoring = code) => {
  test.each(['x/a.zip', 'x/new/a.zip'])('is refused: %s', async (path) => {
    await make(join(root, 'x'));
    const destination = toFileUri(join(root, path));
    await expectCode((await at(destination, 'BACKUP')).draft(attempt, go), code as 'DESTINATION_INVALID');
    const codes = path === 'x/a.zip' ? [restoring] : [restoring, 'ARCHIVE_NOT_FOUND'];
    await expect((await at(destination, 'RESTORE')).open(go)).rejects.toMatchObject({
      code: expect.stringMatching(codes.join('|')),
    });
    await expectOutsideUntouched();
  });
});

test.each(AT_THE_END)('%s in place of the archive is refused', async (_trick, make) => {
  await make(join(root, 'a.zip'));
  const destination = `file:${root}/a.zip`;
  const before = await readdir(root);
  await expectCode((await at(destination, 'BACKUP')).draft(attempt, go), 'DESTINATION_INVALID');
  await expectCode((await at(destination, 'RESTORE')).open(go), 'DESTINATION_INVALID');
  expect(await readdir(root)).toEqual(before);
  await expectOutsideUntouched();
});

const AS_A_TEMP: readonly [trick: string, make: Made][] = [
  ['a link to an archive outside', linkTo('../outside/a.zip')],
  ['a link to nothing, outside', linkTo('../outside/new.zip')],
  ['another name of an archive outside', (path) => link(join(base, 'outside', 'a.zip'), path)],
  ['a pipe', special('mkfifo PATH')],
  ['a folder', (path) => mkdir(path)],
];

test.each(AS_A_TEMP)('%s under the name of the temp is not written', async (_trick, make) => {
  await make(join(root, tempName('a.zip', attempt)));
  await expectCode((await at(`file:${root}/a.zip`, 'BACKUP')).draft(attempt, go), 'DELIVERY_LOST');
  await expectOutsideUntouched();
});

describe('another name of a file outside', () => {
  test('is replaced where it ends in .zip, and the file outside stays as it is', async () => {
    await link(join(base, 'outside', 'a.zip'), join(root, 'a.zip'));
    await backup(await at(`file:${root}/a.zip`, 'BACKUP'), Buffer.from('an archive'));
    expect(await readFile(join(root, 'a.zip'), 'utf8')).toBe('an archive');
    await expectOutsideUntouched();
  });

  test('is not replaced where it does not', async () => {
    await link(join(base, 'outside', 'a.zip'), join(root, 'notes'));
    await expectCode((await at(`file:${root}/notes`, 'BACKUP')).draft(attempt, go), 'DESTINATION_INVALID');
    await expectOutsideUntouched();
  });
});

describe('what is allowed works', () => {
  test.each(allowedFiles('<root>').map(({ spelling }, n) => [spelling, n] as const))('%s', async (_spelling, n) => {
    const { destination, is } = allowedFiles(root)[n]!;
    await backup(await at(destination, 'BACKUP'), Buffer.from(is));
    expect(await readFile(is, 'utf8')).toBe(is);
    expect((await stat(is)).mode & 0o777).toBe(0o600);
    expect((await readAll(await (await at(destination, 'RESTORE')).open(go))).toString()).toBe(is);
    expect(await readdir(dirname(is))).toHaveLength(1);
  });

  test.each([
    ['a link to a folder inside', 'real'],
    ['a link to a folder inside, absolute', '<root>/real'],
    ['a link out and in again', '../ü-archives/real'],
  ])('%s', async (_what, target) => {
    await mkdir(join(root, 'real'));
    await symlink(target.replace('<root>', root), join(root, 'x'));
    await backup(await at(`file:${root}/x/y/a.zip`, 'BACKUP'), Buffer.from('an archive'));
    expect((await readAll(await (await at(`file:${root}/real/y/a.zip`, 'RESTORE')).open(go))).toString()).toBe(
      'an archive',
    );
  });
});
