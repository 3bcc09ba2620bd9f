/** Somebody exchanges a folder of the root, and what lies in it, all the time: nothing outside is written or read. */
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { TidemarkError } from '@tidemark/contracts';
import { seededNumbers } from '@tidemark/testing';

import { go, readAll } from '../contract/place-under-test.contract.js';
import type { AttemptId } from '../destination.js';
import { FileDestination } from './file-destination.js';
import { attempt, backup } from './root-under-test.contract.js';

const onLinux = process.platform === 'linux' ? test : test.skip;
const ROUNDS = 800;
const OUTSIDE = 'of somebody else';
/** As long as a refusal may be: every other error fails the test. */
const REFUSED = ['DESTINATION_NOT_ALLOWED', 'DESTINATION_INVALID', 'DESTINATION_UNREACHABLE', 'DELIVERY_LOST'];

let base: string;
let root: string;
let swapping: Worker | undefined;
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'tidemark-swapped-')));
  root = join(base, 'root');
  for (const folder of [root, join(root, 'real'), join(base, 'outside')]) await mkdir(folder);
  await writeFile(join(base, 'outside', 'a.zip'), OUTSIDE);
});
afterEach(async () => {
  await swapping?.terminate();
  await rm(base, { recursive: true });
});

/** Each name leads to one of its targets, and the next moment to another: a link takes the place of a link in one step. */
async function swap(names: Readonly<Record<string, readonly string[]>>, seed: number): Promise<void> {
  const script = `
    const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
    const { parentPort, workerData: { names, seed } } = require('node:worker_threads');
    let state = seed;
    parentPort.postMessage('begun');
    for (;;) {
      for (const [name, targets] of names) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        try { unlinkSync(name + '.next'); } catch {}
        symlinkSync(targets[(state >>> 16) % targets.length], name + '.next');
        try { renameSync(name + '.next', name); } catch {}
      }
    }`;
  swapping = new Worker(script, { eval: true, workerData: { names: Object.entries(names), seed } });
  await new Promise((begun) => swapping?.once('message', begun));
}

/** A later attempt removes the temp of one before that was refused. */
const nth = (round: number): AttemptId => ({ ...attempt, fence: round + 1 });

onLinux('the folder on the way leads in and out by turns', async () => {
  await symlink('real', join(root, 'x'));
  await swap({ [join(root, 'x')]: ['real', 'real', 'real', '../outside', 'nowhere'] }, 1);
  const random = seededNumbers(2);
  const counts = { written: 0, read: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const path = random(2) === 0 ? 'x/a.zip' : `x/y${random(4)}/a.zip`;
    const destination = new FileDestination({ root, location: root, path: join(root, path), display: path });
    try {
      if (random(2) === 0) {
        await backup(destination, Buffer.from('an archive'), nth(round));
        counts.written++;
      } else {
        expect((await readAll(await destination.open(go))).toString()).toBe('an archive');
        counts.read++;
      }
    } catch (error) {
      if (!(error instanceof TidemarkError) || ![...REFUSED, 'ARCHIVE_NOT_FOUND'].includes(error.code)) throw error;
      counts.refused++;
    }
  }
  expect(await readdir(join(base, 'outside'))).toEqual(['a.zip']);
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
});

onLinux('the archive itself becomes a link out by turns', async () => {
  const path = join(root, 'real', 'a.zip');
  await swap({ [path]: ['../../outside/a.zip', '../../outside/new.zip', '/dev/zero'] }, 3);
  const destination = new FileDestination({ root, location: root, path, display: path });
  const seen: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const written = (): Promise<void> => backup(destination, Buffer.from('an archive'), nth(round));
    const work = round % 2 === 0 ? written() : openedAt(destination);
    await work.catch((error: unknown) => {
      if (!(error instanceof TidemarkError)) throw error;
      seen.push(error.code);
    });
  }
  expect(new Set(seen)).toContain('DESTINATION_INVALID');
  expect(await readdir(join(base, 'outside'))).toEqual(['a.zip']);
});

async function openedAt(destination: FileDestination): Promise<void> {
  expect((await readAll(await destination.open(go))).toString()).toBe('an archive');
}
