import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import {
  createDestinationPolicy,
  resolveDestination,
  toFileUri,
  type DestinationPolicy,
  type ResolveOptions,
} from './index.js';

const attempt = { jobId: '01990000-0000-7000-8000-000000000000', fence: 1 };
const go = new AbortController().signal;
let base: string;
let root: string;
let policy: DestinationPolicy;
let http: ResolveOptions['http'];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'tidemark-resolve-'));
  root = join(base, 'my backups');
  policy = createDestinationPolicy({ fileRoots: [root], httpAllow: ['http://127.0.0.1/'], httpAllowPrivate: [] });
  http = { spool: join(base, 'spool') };
  await policy.prepareRoots();
});
afterEach(() => rm(base, { recursive: true }));

test('from the text of a request to an archive and back', async () => {
  const raw = toFileUri(join(root, 'daily', 'ü 1.zip'));
  const backup = await resolveDestination(raw, { policy, operation: 'BACKUP', http });
  expect(backup.display).toBe(raw);
  const draft = await backup.draft(attempt, go);
  draft.output.end('archive');
  await backup.finish(await draft.seal(), attempt, go);
  expect(await readFile(join(root, 'daily', 'ü 1.zip'), 'utf8')).toBe('archive');

  const restore = await resolveDestination(raw, { policy, operation: 'RESTORE', http });
  const source = await restore.open(go);
  expect(await text(source.stream(0, source.size))).toBe('archive');
  await source.close();
});

test.each([
  ['file:/etc/a.zip', 'DESTINATION_NOT_ALLOWED'],
  ['file:../a.zip', 'DESTINATION_INVALID'],
  ['http://127.0.0.1/a.zip', 'DESTINATION_NOT_ALLOWED'],
  ['http://other/a.zip', 'DESTINATION_NOT_ALLOWED'],
])('%s is %s before anything is touched', async (raw, code) => {
  await expect(resolveDestination(raw, { policy, operation: 'BACKUP', http })).rejects.toMatchObject({ code });
  expect(await readdir(root)).toEqual([]);
});
