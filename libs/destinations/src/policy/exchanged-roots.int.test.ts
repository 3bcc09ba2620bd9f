import { mkdir, mkdtemp, readdir, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { FileDestination } from '../file/file-destination.js';
import { parseDestination } from '../parse/parse-destination.js';
import { createDestinationPolicy, type DestinationPolicy } from './destination-policy.js';

let base: string;
let root: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'tidemark-roots-')));
  root = join(base, 'backup');
  await mkdir(root);
});
afterEach(() => rm(base, { recursive: true }));

const policyOf = (...fileRoots: string[]): DestinationPolicy =>
  createDestinationPolicy({ fileRoots, httpAllow: [], httpAllowPrivate: [] });

describe('when a folder takes the place of a root', () => {
  const exchange = async (): Promise<void> => {
    await rename(join(root, 'own'), join(base, 'moved'));
    await symlink(base, join(root, 'own'));
  };
  const notAllowed = {
    code: 'DESTINATION_NOT_ALLOWED',
    message: expect.stringContaining('its folder for archives is not where it was when this server started'),
  };

  test.each(['BACKUP', 'RESTORE'] as const)('uses neither, nor the root around it: %s', async (operation) => {
    await mkdir(join(root, 'own'), { recursive: true });
    const policy = policyOf(root, join(root, 'own'));
    const destination = parseDestination(`file:${root}/own/a.zip`);
    const allowed = await policy.check(destination, operation);
    await exchange();
    await expect(policy.check(destination, operation)).rejects.toMatchObject(notAllowed);
    const [around, own] = await policy.prepareRoots();
    expect(around?.serves).toEqual(['BACKUP', 'RESTORE']);
    expect(own).toMatchObject({
      serves: [],
      complaint: expect.stringContaining('cannot be used: it is not where it was'),
    });
    if (allowed.scheme !== 'file') throw new Error('not a file');
    const before = new FileDestination(allowed);
    const attempt = { jobId: '01990000-0000-7000-8000-000000000000', fence: 1 };
    const signal = new AbortController().signal;
    await writeFile(join(base, 'a.zip'), 'of somebody else');
    await expect(before.draft(attempt, signal)).rejects.toMatchObject(notAllowed);
    await expect(before.open(signal)).rejects.toMatchObject(notAllowed);
    expect((await readdir(base)).sort()).toEqual(['a.zip', 'backup', 'moved']);
  });

  test('that was not there at the start, it is not used either', async () => {
    const policy = policyOf(join(root, 'own'));
    await symlink(base, join(root, 'own'));
    const destination = parseDestination(`file:${root}/own/a.zip`);
    await expect(policy.check(destination, 'BACKUP')).rejects.toMatchObject(notAllowed);
    await rm(join(root, 'own'));
    expect(await policy.check(destination, 'BACKUP')).toMatchObject({ location: join(root, 'own') });
  });

  test('a root that was a link at the start is used as what it led to', async () => {
    await symlink(root, join(base, 'link'));
    const policy = policyOf(join(base, 'link'));
    const destination = parseDestination(`file:${base}/link/a.zip`);
    expect(await policy.check(destination, 'BACKUP')).toMatchObject({ location: root });
    await rm(join(base, 'link'));
    await symlink(base, join(base, 'link'));
    await expect(policy.check(destination, 'BACKUP')).rejects.toMatchObject(notAllowed);
  });
});
