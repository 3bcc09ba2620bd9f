/** The ancestor at the other end: its file service as destination and source, and its client at the archive depot. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  ANCESTOR_CHUNK_BYTES,
  AncestorClient,
  AncestorFileService,
  fingerprintOf,
  startSystem,
  TestProcess,
  type RunningSystem,
} from '@tidemark/testing';

import { expectBack, writeTwoStates, type TwoStates } from './two-states.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

const MIB = 1024 * 1024;
/** The most that the ancestor takes or sends at once. */
const MOST_BYTES = 64 * MIB;
const FILE = '/local-files/backup';
const OTHER_FILE = '/local-files/other';

let it: RunningSystem;
let folder: string;
let depot: TestProcess;
let service: AncestorFileService;
let states: TwoStates;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
  const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder };
  depot = await new TestProcess({ app: 'archive-depot', settings }).start();
  service = await AncestorFileService.open(FILE, OTHER_FILE);
  it = await startSystem({
    settings: {
      TIDEMARK_HTTP_ALLOW: `${service.url}/local-files, ${depot.url}/archives`,
      TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
    },
  });
  states = await writeTwoStates(it, 1100);
});
afterAll(async () => {
  await it.remove();
  await depot.stop();
  await service.close();
  await rm(folder, { recursive: true });
});

describe('the ancestor’s file service', () => {
  test('takes a backup in chunks and gives it back, asked in the only ways that it understands', async () => {
    const { status, body } = await it.client.backup(service.url + FILE);
    expect([status, body]).toMatchObject([200, { state: 'SUCCEEDED', result: { verified: 'EVERY_PART' } }]);
    const { archive } = body.result as { archive: { bytes: number } };
    expect(archive.bytes).toBe(service.content(FILE).length);
    await expectBack(it, service.url + FILE, states);

    const [puts, gets] = [service.requests('PUT', FILE), service.requests('GET', FILE)];
    expect(puts).toHaveLength(Math.ceil(archive.bytes / (8 * MIB)));
    expect(puts.length).toBeGreaterThan(2);
    expect(gets.length).toBeGreaterThan(puts.length);
    expect(new Set(puts.map(({ headers }) => headers['content-type']))).toEqual(new Set(['application/octet-stream']));
    for (const { headers } of puts) {
      expect(headers['content-range']).toMatch(new RegExp(`^bytes \\d+-\\d+/${archive.bytes}$`));
    }
    for (const { headers } of gets) expect(headers.range).toMatch(/^bytes=\d+-\d+$/);
    expect(service.seen).toHaveLength(puts.length + gets.length);
    for (const { headers, bytes } of service.seen) {
      expect(headers).not.toHaveProperty('accept-encoding');
      expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
    }
  });

  test('has no file of that name', async () => {
    const none = `${service.url}/local-files/none`;
    const [backup, restore] = [await it.client.backup(none), await it.client.restore(none)];
    expect(backup.body.error).toMatchObject({ code: 'DESTINATION_REFUSED', details: { status: 404 } });
    expect(backup.body.error).not.toHaveProperty('destinationTouched');
    expect(restore.body.error).toMatchObject({ code: 'ARCHIVE_NOT_FOUND' });
  });
});

describe('the ancestor’s client', () => {
  test('downloads our backup from the depot and uploads it under another name, from where we restore it', async () => {
    expect((await it.client.backup(`${depot.url}/archives/ours.zip`)).body.state).toBe('SUCCEEDED');
    const ancestor = new AncestorClient(depot.url);
    const downloaded = await ancestor.download('/archives/ours.zip');
    expect(downloaded.equals(await readFile(join(folder, 'ours.zip')))).toBe(true);
    expect(downloaded.length).toBeGreaterThan(11 * ANCESTOR_CHUNK_BYTES);

    const answers = await ancestor.upload('/archives/its/copy.zip', downloaded);
    expect(answers).toHaveLength(Math.ceil(downloaded.length / ANCESTOR_CHUNK_BYTES));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 202]));
    expect(downloaded.equals(await readFile(join(folder, 'its%2Fcopy.zip')))).toBe(true);
    await rm(join(folder, 'ours.zip'));
    await expectBack(it, `${depot.url}/archives/its/copy.zip`, states);
  });
});

test('a shorter backup over a longer one, which the ancestor never truncates, fails and says why', async () => {
  const destination = service.url + OTHER_FILE;
  expect((await it.client.backup(destination)).body.state).toBe('SUCCEEDED');
  const longer = service.content(OTHER_FILE).length;
  const then = { timeSnapshotBoundaryMicros: states.moment };
  expect((await it.client.restore(destination, then)).body.state).toBe('SUCCEEDED');
  const { status, body } = await it.client.backup(destination);
  expect([status, body.state]).toEqual([502, 'FAILED']);
  expect(body.error).toMatchObject({
    code: 'DESTINATION_IGNORES_RANGES',
    message: expect.stringMatching(
      /a longer file lay there and was not cut off .* remove it there, or give each backup/,
    ),
    details: { sent: expect.any(Number), there: longer },
    destinationTouched: true,
  });
  expect(service.content(OTHER_FILE)).toHaveLength(longer);
  const { liveGeneration } = await fingerprintOf(it);
  const back = await it.client.restore(destination);
  expect(back.body).toMatchObject({ state: 'FAILED', error: { code: 'ARCHIVE_DAMAGED' } });
  expect(await fingerprintOf(it)).toEqual({ ...states.early, liveGeneration, previousGeneration: expect.any(Number) });
});
