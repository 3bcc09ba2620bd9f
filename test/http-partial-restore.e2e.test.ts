/** A restore over HTTP to a moment fetches the parts that the moment needs, and hardly more. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import type { BackupResult, RestoreResult } from '@tidemark/contracts';
import { CountingProxy, fingerprintOf, startSystem, TestProcess, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

const WRITES = 50;
const DOCUMENTS_A_WRITE = 100;
/** The end of the zip, which is asked for before anything is known of it, and what says what is in the archive. */
const OPENING_BYTES = 128 * 1024;
const OPENING_GETS = 10;
/** Parts begin at pages of the table, not at moments. */
const ROUNDING = 0.05;

interface Moment {
  readonly micros: number;
  readonly versions: number;
  readonly hash: string;
}

let it: RunningSystem;
let depot: TestProcess;
let proxy: CountingProxy;
let folder: string;
let destination: string;
let archive: BackupResult['archive'];
const moments = new Map<number, Moment>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
  depot = await new TestProcess({
    app: 'archive-depot',
    settings: { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder },
  }).start();
  proxy = await CountingProxy.open(depot.url);
  it = await startSystem({
    settings: {
      TIDEMARK_HTTP_ALLOW: `${proxy.url}/archives`,
      TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      TIDEMARK_PART_BYTES: String(64 * 1024),
    },
  });
  destination = `${proxy.url}/archives/history.zip`;
  for (let write = 1; write <= WRITES; write++) {
    const { lastUpdateTimeMicros } = await it.client.bulk(documentsOf(write));
    if (![5, 25, 45, WRITES].includes(write)) continue;
    const { versions, hash } = await fingerprintOf(it);
    moments.set(write / WRITES, { micros: Number(lastUpdateTimeMicros), versions, hash });
  }
  const { body } = await it.client.backup(destination);
  expect(body.state).toBe('SUCCEEDED');
  ({ archive } = body.result as BackupResult);
});
afterAll(async () => {
  await it.remove();
  await proxy.close();
  await depot.stop();
  await rm(folder, { recursive: true });
});

/** Of some 1,100 bytes that no compression makes much smaller, written in the order of their history. */
function documentsOf(write: number): [string, object][] {
  const hash = (text: string): string => createHash('sha512').update(text).digest('base64');
  return Array.from({ length: DOCUMENTS_A_WRITE }, (_, n) => [
    `/kept/${write}-${n}`,
    { text: Array.from({ length: 12 }, (_, piece) => hash(`${write} ${n} ${piece}`)).join('') },
  ]);
}

test('the archive has many parts', () => {
  expect(archive.parts).toBeGreaterThan(60);
  expect(archive.bytes).toBeGreaterThan(20 * OPENING_BYTES);
});

test.each([0.1, 0.5, 0.9, 1])('to %d of the history: as much of the archive', async (share) => {
  const moment = moments.get(share)!;
  const fields = share === 1 ? {} : { timeSnapshotBoundaryMicros: moment.micros };
  const { value, fetched } = await proxy.during(() => it.client.restore(destination, fields));
  expect(value.body).toMatchObject({ state: 'SUCCEEDED', result: { versions: moment.versions } });
  expect((await fingerprintOf(it)).hash).toBe(moment.hash);

  const { partsRead, partsSkipped } = value.body.result as RestoreResult;
  expect(partsRead + partsSkipped).toBe(archive.parts);
  expect(Math.abs(partsRead / archive.parts - share)).toBeLessThan(ROUNDING);
  expect(fetched.bytes).toBeGreaterThan((share - ROUNDING) * archive.bytes);
  expect(fetched.bytes).toBeLessThan((share + ROUNDING) * archive.bytes + OPENING_BYTES);
  expect(fetched.gets - partsRead).toBeLessThan(OPENING_GETS);
});
