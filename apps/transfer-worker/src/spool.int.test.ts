import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { SpoolFolder } from './spool.js';

const [ENDED, GOING] = [randomUUID(), randomUUID()];
const filesOf = (jobId: string): string[] => [`.http-0a.zip.${jobId}.3.part`, `.http-0a.zip.${jobId}.3.part.sent`];

let folder: string;
let spool: SpoolFolder;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-spool-'));
  spool = new SpoolFolder(folder);
  await mkdir(spool.uploads);
  for (const name of [...filesOf(ENDED), ...filesOf(GOING), 'x.copy']) await writeFile(join(spool.uploads, name), 'x');
});
afterEach(() => rm(folder, { recursive: true }));

test('uploads of jobs that have ended go; others stay, and what is no upload', async () => {
  const asked: string[][] = [];
  await spool.removeEnded((jobIds) => {
    asked.push(jobIds.sort());
    return Promise.resolve([ENDED]);
  });
  expect(asked).toEqual([[ENDED, GOING].sort()]);
  expect((await readdir(spool.uploads)).sort()).toEqual([...filesOf(GOING), 'x.copy']);
});

test('nobody is asked where nothing lies, and nothing goes where nobody answers', async () => {
  await expect(spool.removeEnded(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await readdir(spool.uploads)).toHaveLength(5);
  await rm(spool.uploads, { recursive: true });
  await spool.removeEnded(() => Promise.reject(new Error('nobody should ask')));
});

test('at the start dead attempts go, and uploads of more than a day ago', async () => {
  await mkdir(join(folder, `${ENDED}.1`));
  const [old = ''] = filesOf(ENDED);
  const dayAgo = Date.now() / 1000 - 25 * 60 * 60;
  await utimes(join(spool.uploads, old), dayAgo, dayAgo);
  await spool.prepare();
  expect(await readdir(folder)).toEqual(['uploads']);
  expect(await readdir(spool.uploads)).not.toContain(old);
  expect(await readdir(spool.uploads)).toHaveLength(4);
});
