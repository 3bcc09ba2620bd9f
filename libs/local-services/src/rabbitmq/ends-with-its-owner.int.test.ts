import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { silentLogger as log } from '@tidemark/platform';

import { isThere, temporaryFolder } from '../host/folders.js';
import { commandLine } from '../host/processes.js';
import { findServerUser } from '../host/server-user.js';
import { allGone as allEnded, contains, familyOf, own, parentOf, spawnOwner } from '../owner.fixture.test.js';
import { askRabbitMq } from './ask-rabbitmq.js';
import { startRabbitMq } from './start-rabbitmq.js';
import { temporaryRabbitMq } from './temporary-rabbitmq.js';

jest.setTimeout(120_000); // brokers are started: on a busy machine that takes its time

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(await temporaryFolder(await findServerUser()), 'tidemark-test-'));
  await chmod(folder, 0o755);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a temporary broker', () => {
  test('leaves nothing behind: not after stop, and not when its keeper is killed', async () => {
    const [first, second] = await Promise.all([temporaryRabbitMq({ log }), temporaryRabbitMq({ log })]);
    const [firstFolder, secondFolder] = [await folderOf(first.pid), await folderOf(second.pid)];
    const [firstKeeper, secondKeeper] = [await parentOf(first.pid), await parentOf(second.pid)];
    const [firstFamily, secondFamily] = [await familyOf(firstKeeper), await familyOf(secondKeeper)];

    await first.stop();
    await allEnded(firstFamily);
    expect([await isThere(firstFolder), await isThere(secondFolder)]).toEqual([false, true]);
    await expect(askRabbitMq(second.url)).resolves.toMatchObject({ product: 'RabbitMQ' });

    process.kill(secondKeeper, 'SIGKILL');
    expect(await second.exited).toMatchObject({ expected: false });
    await allEnded(secondFamily);
    expect(await isThere(secondFolder)).toBe(false);
  });

  test('leaves nothing behind when its owner is killed', async () => {
    const { owner, said, allGone } = await own('temporaryRabbitMq({ log })', { TMPDIR: folder });
    const family = await familyOf(await parentOf(said.pid));
    expect(await readdir(folder)).toHaveLength(1);
    owner.kill('SIGKILL');
    await allGone;
    await allEnded(family);
    expect(await readdir(folder)).toEqual([]);
  });

  test('leaves nothing behind when its owner is killed while it boots', async () => {
    const { owner, allGone } = spawnOwner('temporaryRabbitMq({ log })', { TMPDIR: folder });
    await contains(folder, (path) => path.endsWith('/mnesia'));
    const family = await familyOf(owner.pid ?? 0);
    expect(family.length).toBeGreaterThanOrEqual(4); // owner, keeper, register, broker
    owner.kill('SIGKILL');
    await allGone;
    await allEnded(family);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a broker on a folder', () => {
  test('whose owner and keeper were both killed is ended by the next start', async () => {
    const { owner, said } = await own(`startRabbitMq({ folder: ${JSON.stringify(folder)}, log })`);
    const keeper = await parentOf(said.pid);
    const family = (await familyOf(keeper)).filter((pid) => pid !== keeper);
    process.kill(keeper, 'SIGSTOP'); // so that it does not see what happens to its owner
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    process.kill(keeper, 'SIGKILL');
    await expect(askRabbitMq(said.url)).resolves.toBeDefined();
    const next = await startRabbitMq({ folder, log });
    expect(next.pid).not.toBe(said.pid);
    await allEnded(family);
    await next.stop();
  });
});

/** The folder that holds all of a broker. */
async function folderOf(pid: number): Promise<string> {
  return /-home (\S+)\/node\/state/.exec((await commandLine(pid)) ?? '')?.[1] ?? '';
}
