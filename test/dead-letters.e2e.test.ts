import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { BACKUP_KIND, Bystander, brokerIsThere, startServices, type RunningServices } from '@tidemark/testing';

import { withoutPause } from './readiness.fixture.test.js';
import { ToldJobs } from './told-jobs.fixture.test.js';

jest.setTimeout(60_000); // processes are started

const whereItIs = brokerIsThere() ? describe : describe.skip;
const PATH = '/core/management/dead-letters';

interface Letter {
  readonly id: string;
  readonly queue: string;
  readonly reason: string;
  readonly messageId: string | null;
  readonly body: string;
  readonly replayable: boolean;
  readonly obstacle: string | null;
}
interface Status {
  readonly workers: readonly { worker: string; lastSeenMicros: number; jobIds: readonly string[] }[];
  readonly queues: readonly { queue: string; waiting: number; consumers: number }[];
  readonly problems: Readonly<Record<string, readonly string[]>>;
}

/** What could not be handled, from where it dies to where it is replayed, over the API alone. */
whereItIs('dead letters', () => {
  let folder: string;
  let it: RunningServices;
  let bystander: Bystander;
  let told: ToldJobs;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-dead-letters-'));
    await writeFile(join(folder, 'in-the-way'), '');
    it = await startServices({ settings: { TIDEMARK_FILE_ROOTS: join(folder, 'in-the-way/archives') } });
    bystander = await Bystander.open(it.services);
    told = await ToldJobs.of(bystander);
  });
  afterAll(async () => {
    await bystander.close();
    await it.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const status = async (): Promise<Status> => (await it.client.call<Status>('GET', '/core/management')).body;
  const replay = (id: string): ReturnType<typeof it.client.call<Letter & { code: string; message: string }>> =>
    it.client.call('POST', `${PATH}/${id}/replay`);
  const list = async (): Promise<readonly Letter[]> => {
    const { body } = await it.client.call<{ deadLetters: readonly Letter[]; count: number }>('GET', PATH);
    expect(body.count).toBe(body.deadLetters.length);
    return body.deadLetters;
  };
  /** Sends a request, and waits until it is among the dead letters. */
  async function bury(body: string, messageId: string): Promise<Letter> {
    await bystander.publish('tidemark.requests', 'request', { body, messageId });
    for (;;) {
      const letter = (await list()).find((each) => each.messageId === messageId);
      if (letter) return letter;
    }
  }

  test('garbage is listed with its reason, however often, and is not replayed where it was cut', async () => {
    const garbage = 'x'.repeat(5000);
    const letter = await bury(garbage, 'garbage');
    expect(letter).toMatchObject({
      queue: 'tidemark.requests',
      body: garbage.slice(0, 1024),
      replayable: false,
      obstacle: 'only the beginning of its body was kept',
    });
    expect(letter.reason).toMatch(/^Unparseable JSON body/);
    for (let looks = 0; looks < 30; looks++) expect(await list()).toEqual([letter]);
    const { status: refused, body } = await replay(letter.id);
    expect([refused, body.code, body.message]).toEqual([
      409,
      'NOT_REPLAYABLE',
      `the dead letter ${letter.id} cannot be replayed: only the beginning of its body was kept`,
    ]);
    expect(await list()).toEqual([letter]);
  });

  test('a request that the folder for archives was not ready for is replayed once it is, and runs', async () => {
    const request = { kind: BACKUP_KIND, destination: `file:${folder}/in-the-way/archives/nightly.zip` };
    const messageId = `nightly-${randomUUID()}`;
    const letter = await bury(JSON.stringify(request), messageId);
    expect(letter).toMatchObject({ replayable: true, body: JSON.stringify(request), obstacle: null });
    expect(letter.reason).toContain('TIDEMARK_FILE_ROOTS');
    await rm(join(folder, 'in-the-way'));
    const answer = await replay(letter.id);
    expect([answer.status, answer.body]).toEqual([202, letter]);
    const { body: again } = await replay(letter.id);
    expect(again.code).toBe('NOT_FOUND');
    expect(await list()).not.toContainEqual(letter);

    const [id] = await untilJobs(1);
    expect(await it.client.ended(id!)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, request });
    await told.keysOf(id!);
    const { workers, queues, problems } = await withoutPause(status);
    expect(workers).toEqual([
      { worker: expect.stringMatching(/^worker-/), lastSeenMicros: expect.any(Number), jobIds: [] },
    ]);
    expect(queues).toContainEqual({ queue: 'tidemark.requests', waiting: 0, consumers: 1 });
    expect(queues).toContainEqual({ queue: 'tidemark.dead', waiting: 1, consumers: 0 });
    expect(problems).toMatchObject({ workers: [], queues: [], messaging: [] });
  });

  test('the status tells of idle workers by the queues of doorbells, and of a message that nobody takes', async () => {
    await untilDoorbells(1, 0);
    await it.worker.stop();
    const id = (await it.client.backup(`file:${folder}/in-the-way/archives/later.zip`, { wait: false })).body.id;
    await untilDoorbells(0, 1);
    await it.worker.start();
    expect((await it.client.ended(id)).state).toBe('SUCCEEDED');
  });

  /** Of both queues of doorbells, and of that of backups what waits. */
  async function untilDoorbells(consumers: number, waiting: number): Promise<void> {
    for (;;) {
      const doorbells = (await status()).queues.filter(({ queue }) => queue.startsWith('tidemark.jobs.'));
      const backups = doorbells.find(({ queue }) => queue === 'tidemark.jobs.backup');
      if (doorbells.every((each) => each.consumers === consumers) && backups?.waiting === waiting) return;
    }
  }

  async function untilJobs(count: number): Promise<string[]> {
    for (;;) {
      const { body } = await it.client.call<{ documentLinks: string[] }>('GET', '/core/management/jobs');
      if (body.documentLinks.length >= count)
        return body.documentLinks.map((link) => link.slice(link.lastIndexOf('/') + 1));
    }
  }
});
