/** A folder, or the archive itself, is exchanged while a job stands at a step: nothing outside is written or read. */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import type { Step } from '@tidemark/contracts';
import { brokerIsThere, type Job } from '@tidemark/testing';

import { CrashSystem } from './crash-system.fixture.test.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs('a destination that is exchanged during its job', () => {
  let system: CrashSystem;
  let folder: string;
  let outside: string;
  let archive: Buffer;
  beforeAll(async () => {
    system = await CrashSystem.open({}, { TIDEMARK_LEASE_SECONDS: '30' });
    folder = join(system.it.archives, 'x');
    outside = join(system.it.home, 'outside');
    archive = await system.content('file', 'base.zip');
  });
  afterAll(() => system.close());
  beforeEach(async () => {
    for (const path of [folder, outside]) await mkdir(path);
    await copyFile(join(system.it.archives, 'base.zip'), join(outside, 'a.zip'));
    await system.prepare();
  });
  afterEach(async () => {
    expect(await readdir(outside)).toEqual(['a.zip']);
    expect(archive.equals(await readFile(join(outside, 'a.zip')))).toBe(true);
    for (const path of [folder, outside, `${outside}-moved`]) await rm(path, { recursive: true, force: true });
  });

  const target = (): string => join(folder, 'a.zip');
  const exchanges = {
    'its folder for a link out': async () => {
      await rename(folder, `${outside}-moved`);
      await symlink(outside, folder);
    },
    'it for a link out': async () => {
      await rm(target(), { force: true });
      await symlink(join(outside, 'a.zip'), target());
    },
    'it for a pipe': async () => {
      await rm(target(), { force: true });
      execFileSync('sh', ['-c', 'mkfifo "$0"', target()]);
    },
  };
  type Exchange = keyof typeof exchanges;

  async function exchangedAt(step: Step, exchange: Exchange, ask: () => Promise<unknown>): Promise<Job> {
    const held = system.steps.hold(step);
    const asked = ask();
    await held.reached;
    await exchanges[exchange]();
    held.release();
    await asked;
    return await system.ended();
  }

  const backup = (): Promise<unknown> => system.it.client.backup(`file:${target()}`, { wait: false });
  const restore = (): Promise<unknown> => system.it.client.restore(`file:${target()}`, { wait: false });

  test.each<[Step, Exchange, string]>([
    ['job stored', 'its folder for a link out', 'DESTINATION_NOT_ALLOWED'],
    ['part appended', 'its folder for a link out', 'DESTINATION_NOT_ALLOWED'],
    ['archive closed', 'its folder for a link out', 'DESTINATION_NOT_ALLOWED'],
    ['read back', 'its folder for a link out', 'DESTINATION_NOT_ALLOWED'],
    ['effect stored', 'its folder for a link out', 'DESTINATION_NOT_ALLOWED'],
    ['job stored', 'it for a link out', 'DESTINATION_INVALID'],
    ['job stored', 'it for a pipe', 'DESTINATION_INVALID'],
    ['read back', 'it for a link out', 'DESTINATION_INVALID'],
    ['effect stored', 'it for a link out', 'DESTINATION_INVALID'],
    ['effect stored', 'it for a pipe', 'DESTINATION_INVALID'],
  ])('a backup at "%s", %s: %s', async (step, exchange, code) => {
    expect(await exchangedAt(step, exchange, backup)).toMatchObject({ state: 'FAILED', error: { code } });
  });

  test.each<[Exchange, string]>([
    ['its folder for a link out', 'DESTINATION_NOT_ALLOWED'],
    ['it for a link out', 'DESTINATION_INVALID'],
    ['it for a pipe', 'DESTINATION_INVALID'],
  ])('a restore before it is opened, %s: %s', async (exchange, code) => {
    await copyFile(join(system.it.archives, 'base.zip'), target());
    const job = await exchangedAt('job stored', exchange, restore);
    expect(job).toMatchObject({ state: 'FAILED', error: { code } });
    expect(await system.fingerprint()).toEqual(system.live);
  });

  test('a restore after it was opened reads what it has opened', async () => {
    await copyFile(join(system.it.archives, 'base.zip'), target());
    const job = await exchangedAt('archive opened', 'its folder for a link out', restore);
    expect(job).toMatchObject({ state: 'SUCCEEDED' });
    expect((await system.fingerprint()).hash).toBe(system.archived.hash);
  });
});
