/** What TIDEMARK_BACKUP_BYTES_PER_SECOND bounds, and what it does not. */
import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import type { BackupResult } from '@tidemark/contracts';
import { startSystem, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

const BYTES_PER_SECOND = 128 * 1024;
/** What may go at once at the beginning of a phase. */
const BURST_SECONDS = 0.1;
/** Of an archive as small as those here, so much is parts, at the least: the rest of it is not exported. */
const PARTS_OF_IT = 0.9;
/** The large one takes three times as long. */
const CANCELLED_WITHIN_MILLIS = 10_000;
const PARTS = { TIDEMARK_PART_BYTES: '65536' };

let it: RunningSystem;
/** The same before it had a bound. */
let unbound: RunningSystem;
/** Bytes of an archive that takes many seconds at the rate. */
let largeBytes: number;

beforeAll(async () => {
  unbound = await startSystem({ settings: PARTS });
  const { client, archives } = unbound;
  await client.bulk(documents('small', 60));
  expect((await client.backup(`file:${archives}/small.zip`)).status).toBe(200);
  await client.bulk(documents('large', 2000));
  const { body } = await client.backup(`${depotOf(unbound)}large.zip`);
  largeBytes = (body.result as BackupResult).archive.bytes;
  expect((await client.restore(`file:${archives}/small.zip`)).status).toBe(200);
  await unbound.stop();
  const settings = {
    ...PARTS,
    TIDEMARK_BACKUP_BYTES_PER_SECOND: String(BYTES_PER_SECOND),
    TIDEMARK_LOG_LEVEL: 'info',
  };
  it = await startSystem({ like: unbound, settings });
});
afterAll(async () => {
  await it.remove();
  await unbound.remove();
});

/** What is in its depot begins with that. */
function depotOf({ worker }: RunningSystem): string {
  return /^ {2}depot +(\S+)/m.exec(worker.output)?.[1] ?? '';
}

function documents(name: string, count: number): [string, object][] {
  return Array.from({ length: count }, (_, n) => [`/${name}/${n}`, { text: randomBytes(1024).toString('base64') }]);
}

/** Seconds that a backup took, and that one phase of it takes at the rate, at the least. */
async function backUp(destination: string): Promise<{ took: number; phase: number }> {
  const { body: job } = await it.client.backup(destination);
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: { documents: 60 } });
  const { archive, seconds } = job.result as BackupResult;
  expect(archive.bytes).toBeGreaterThan(60_000);
  return { took: seconds, phase: (PARTS_OF_IT * archive.bytes) / BYTES_PER_SECOND - BURST_SECONDS };
}

test('the worker says what it holds its backups to', () => {
  expect(it.log()).toContain(`"backupBytesPerSecond":${BYTES_PER_SECOND}`);
});

test('a backup to a folder is exported, and read back, no faster', async () => {
  const { took, phase } = await backUp(`file:${it.archives}/a.zip`);
  expect(took).toBeGreaterThan(2 * phase);
});

test('a backup over HTTP is exported, sent, and read back, no faster', async () => {
  const { took, phase } = await backUp(`${depotOf(it)}a.zip`);
  expect(took).toBeGreaterThan(3 * phase);
});

test('a restore is as fast as ever', async () => {
  const begun = performance.now();
  const { body } = await it.client.restore(`${depotOf(it)}large.zip`);
  expect(body).toMatchObject({ state: 'SUCCEEDED', result: { documents: 2060 } });
  expect((performance.now() - begun) / 1000).toBeLessThan(largeBytes / BYTES_PER_SECOND);
});

test('a long backup tells how far it is, and ends soon when it is cancelled', async () => {
  const { body } = await it.client.backup(`file:${it.archives}/b.zip`, { wait: false });
  const done = new Set<number>();
  await it.client.jobWhen(body.id, ({ phase, progress }) => {
    if (phase === 'EXPORTING') done.add(progress?.versionsDone ?? 0);
    return done.size > 2;
  });
  const begun = performance.now();
  await it.client.cancel(body.id);
  expect(await it.client.ended(body.id)).toMatchObject({ state: 'CANCELLED', error: null });
  expect(performance.now() - begun).toBeLessThan(CANCELLED_WITHIN_MILLIS);
});
