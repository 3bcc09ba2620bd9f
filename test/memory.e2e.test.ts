/** What each process resides in is the same for any number and any size of documents. Prints what it measured. */
import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { Job } from '@tidemark/contracts';
import { query, startSystem, type RunningSystem } from '@tidemark/testing';

const MB = 1e6;
const PEAK_BYTES = 220 * MB;
/** While documents are written in bulk. */
const LOAD_PEAK_BYTES = 190 * MB;
/** Some minutes, where the machine has more to do. */
const MILLIS = 900_000;

type Documents = Iterable<readonly [link: string, fields: object]>;

interface Case {
  readonly documents: number;
  /** What is written, one bulk write after the other; each has every document once. */
  readonly rounds: readonly Documents[];
}

describe.each<[string, Case]>([
  ['500,000 documents of three versions', { documents: 500_000, rounds: [0, 1, 2].map((n) => small(500_000, n)) }],
  ['300 documents of a MiB each', { documents: 300, rounds: [large(300)] }],
])('%s', (name, { documents, rounds }) => {
  const counts = { documents, versions: documents * rounds.length };
  const peaks: number[] = [];
  const figures: string[] = [];
  let it: RunningSystem;
  beforeAll(async () => {
    it = await startSystem();
  }, MILLIS);
  afterAll(async () => {
    process.stderr.write(`memory, ${name}: ${figures.join(' · ')}\n`);
    await it.remove();
  }, MILLIS);

  /** Runs one phase and keeps what it took, from a peak that is set back first. */
  async function measured<T>(phase: string, work: () => Promise<T>): Promise<T> {
    for (const process of it.processes) process.resetPeak();
    const began = performance.now();
    const value = await work();
    const seconds = (performance.now() - began) / 1000;
    const each = it.processes.map((process) => process.memory().peak);
    figures.push(`${phase} ${each.map((peak) => (peak / MB).toFixed(0)).join('/')} MB ${seconds.toFixed(1)} s`);
    peaks.push(...each);
    return value;
  }

  async function backUpAndRestore(round: number): Promise<void> {
    const archive = `file:${it.archives}/${round}.zip`;
    const backup = await measured('backup', () => done(it.client.backup(archive)));
    expect(backup.result).toMatchObject(counts);
    const restore = await measured('restore', () => done(it.client.restore(archive)));
    expect(restore.result).toMatchObject({ ...counts, versionsLeftBehind: 0 });
    if (round === 1) figures.push(`archive ${(bytesOf(backup) / MB).toFixed(1)} MB`);
  }

  test(
    'stays below 190 MB in the first writes, and below 220 MB to the last of two restores',
    async () => {
      for (const round of rounds) {
        const value = await measured('load', () => it.client.bulk(round));
        expect(value).toMatchObject({ accepted: documents, versions: documents });
      }
      expect(Math.max(...peaks)).toBeLessThan(LOAD_PEAK_BYTES);
      await backUpAndRestore(1);
      await backUpAndRestore(2);
      expect(await countsOf(it)).toEqual(counts);
      expect(Math.max(...peaks)).toBeLessThan(PEAK_BYTES);
    },
    MILLIS,
  );
});

async function done(request: Promise<{ body: Job }>): Promise<Job> {
  const { body } = await request;
  expect(body).toMatchObject({ state: 'SUCCEEDED' });
  return body;
}

function bytesOf({ result }: Job): number {
  return result && 'archive' in result ? result.archive.bytes : NaN;
}

async function countsOf({ databaseUrl }: RunningSystem): Promise<{ documents: number; versions: number }> {
  const [index] = await query<{ live: string }>(databaseUrl, 'SELECT live_generation AS live FROM catalog.index');
  const [counted] = await query<{ documents: number; versions: number }>(
    databaseUrl,
    `SELECT (SELECT count(*)::int FROM index_${index?.live}.document) AS documents,
      (SELECT count(*)::int FROM index_${index?.live}.document_version) AS versions`,
  );
  return counted!;
}

/** Documents of some 200 bytes, as places have them. */
function small(count: number, round: number): Documents {
  return listed(count, (n) => {
    const near = { lat: n * 0.0001, lng: -n * 0.0002 };
    return [`/places/${n % 100}/${n}`, { name: `place ${n}`, round, ...near, text: `${n} `.repeat(12) }];
  });
}

/** Documents just below the limit of one, of text that no compression makes smaller. */
function large(count: number): Documents {
  return listed(count, (n) => [`/large/${n}`, { text: randomBytes(785_000).toString('base64') }]);
}

function* listed(count: number, at: (n: number) => readonly [string, object]): Generator<readonly [string, object]> {
  for (let n = 0; n < count; n++) yield at(n);
}
