import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { provideSecretKey } from './secret-key.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemark-key-'));
});
afterEach(() => rm(home, { recursive: true }));

test('the key of a home is made once, for its owner alone, however many start at once', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => provideSecretKey(home)));
  expect(new Set([...keys, await provideSecretKey(home)]).size).toBe(1);
  expect(Buffer.from(keys[0] ?? '', 'base64')).toHaveLength(32);
  expect(await readdir(home)).toEqual(['secret.key']);
  expect((await stat(join(home, 'secret.key'))).mode & 0o777).toBe(0o600);
  const other = await mkdtemp(join(tmpdir(), 'tidemark-key-'));
  expect(await provideSecretKey(other)).not.toBe(keys[0]);
  await rm(other, { recursive: true });
});

test('a file that holds no key is left as it is', async () => {
  await writeFile(join(home, 'secret.key'), 'no key');
  expect(await provideSecretKey(home)).toBe('no key');
});
