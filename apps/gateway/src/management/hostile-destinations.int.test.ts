/** The tables of hostile destinations and of allowed ones, sent to a gateway as backups and as restores. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { BACKUP_KIND, ERRORS, RESTORE_KIND } from '@tidemark/contracts';
import {
  ALLOWED_URLS,
  allowedFiles,
  allowingAll,
  HOSTILE_URLS,
  hostileFiles,
  HTTP_ALLOW,
  HTTP_ALLOW_PRIVATE,
  NEVER_ADDRESSES,
  NOT_PUBLIC_ADDRESSES,
  type HostileDestination,
} from '@tidemark/testing';

import { errorOf, GatewayFixture, jobOf } from '../gateway.fixture.test.js';

const ADDRESSES = [...NOT_PUBLIC_ADDRESSES, ...NEVER_ADDRESSES];
/** Stands in the names of tests for the folder that is made before them. */
const NAMED = hostileFiles('<root>');
const KINDS = { backup: BACKUP_KIND, restore: RESTORE_KIND };

let base: string;
let root: string;
let fixture: GatewayFixture;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'tidemark-hostile-'));
  root = join(base, 'ü-archives');
  await mkdir(root);
  fixture = await GatewayFixture.open({
    TIDEMARK_FILE_ROOTS: root,
    TIDEMARK_HTTP_ALLOW: [...HTTP_ALLOW, ...allowingAll(ADDRESSES)].join(','),
    TIDEMARK_HTTP_ALLOW_PRIVATE: HTTP_ALLOW_PRIVATE.join(','),
  });
});
afterAll(async () => {
  await fixture.close();
  await rm(base, { recursive: true });
});

describe.each(Object.entries(KINDS))('a PATCH for a %s', (_name, kind) => {
  const expectRefused = async ({ destination, code }: HostileDestination): Promise<void> => {
    const error = errorOf(await fixture.patch({ kind, destination }));
    const empty = { code: 'DESTINATION_REQUIRED', statusCode: 400 };
    expect(error).toMatchObject(destination === '' ? empty : { code, statusCode: ERRORS[code].status });
  };

  test.each(NAMED.map(({ trick }, n) => [trick, n] as const))('with a file is refused: %s', async (_trick, n) => {
    await expectRefused(hostileFiles(root)[n]!);
  });
  test.each([...HOSTILE_URLS, ...ADDRESSES])('with a URL is refused: $trick', expectRefused);
});

test('nothing of all this is stored, made or written', async () => {
  const { text } = await fixture.ask({ path: '/core/management/jobs' });
  expect(JSON.parse(text)).toMatchObject({ documentCount: 0 });
  expect(await readdir(base)).toEqual(['ü-archives']);
  expect(await readdir(root)).toEqual([]);
});

describe.each(Object.entries(KINDS))('a PATCH for a %s, allowed,', (_name, kind) => {
  const accepted = async (destination: string): Promise<void> => {
    expect(jobOf(await fixture.patch({ kind, destination }))).toMatchObject({ state: 'QUEUED' });
  };

  test.each(allowedFiles('<root>').map(({ spelling }, n) => [spelling, n] as const))('is stored: %s', async (_s, n) => {
    await accepted(allowedFiles(root)[n]!.destination);
  });
  test.each(ALLOWED_URLS)('is stored: $spelling', ({ destination }) => accepted(destination));
});
