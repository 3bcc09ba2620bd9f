import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { NoServerUserError } from '../errors.js';
import { findServerUser } from './server-user.js';

const isRoot = process.getuid?.() === 0;
const onlyAsRoot = isRoot ? test : undefined;
const onlyAsOrdinaryUser = isRoot ? undefined : test;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'));
});

afterAll(() => rm(folder, { recursive: true }));

async function passwdWith(...names: string[]): Promise<string> {
  const lines = names.map((name, at) => `${name}:x:${at * 10}:${at * 10 + 1}::/:/bin/sh\n`);
  const file = join(folder, names.join('-'));
  await writeFile(file, lines.join(''));
  return file;
}

describe('findServerUser', () => {
  onlyAsRoot?.('prefers postgres to nobody, wherever they stand', async () => {
    const file = await passwdWith('root', 'nobody', 'postgres');
    expect(await findServerUser(file)).toEqual({ name: 'postgres', uid: 20, gid: 21 });
    expect(await findServerUser(await passwdWith('root', 'nobody'))).toEqual({ name: 'nobody', uid: 10, gid: 11 });
  });

  onlyAsRoot?.('says so when there is nobody to run as', async () => {
    await expect(findServerUser(await passwdWith('root', 'daemon'))).rejects.toThrow(NoServerUserError);
    await expect(findServerUser(join(folder, 'none'))).rejects.toThrow(/no user postgres or nobody/);
  });

  onlyAsOrdinaryUser?.('is ourselves', async () => {
    expect(await findServerUser(await passwdWith('root', 'nobody', 'postgres'))).toBeUndefined();
  });
});
