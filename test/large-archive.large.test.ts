/** An archive of more than 4 GiB goes to the depot and comes back. Prints what it measured. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import type { BackupResult } from '@tidemark/contracts';
import { fingerprintOf, startServices, TestProcess, type Job, type RunningServices } from '@tidemark/testing';

const MB = 1e6;
/** Of any process, in a backup and in a restore. */
const PEAK_BYTES = 200 * MB;
const WRITES = 28;
const DOCUMENTS_A_WRITE = 200;
const DOCUMENTS = WRITES * DOCUMENTS_A_WRITE;
/** A limit for what hangs. */
const MILLIS = 45 * 60_000;

let it: RunningServices;
let depot: TestProcess;
let folder: string;
let destination: string;
const figures: string[] = [];
const peaks: Record<string, number> = {};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
  depot = await new TestProcess({
    app: 'archive-depot',
    settings: { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder },
  }).start();
  it = await startServices({
    settings: { TIDEMARK_HTTP_ALLOW: `${depot.url}/archives`, TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1' },
  });
  destination = `${depot.url}/archives/large.zip`;
}, MILLIS);
afterAll(async () => {
  process.stderr.write(`large archive: ${figures.join(' · ')}\n`);
  await it.remove();
  await depot.stop();
  await rm(folder, { recursive: true });
}, MILLIS);

/** Runs one phase and keeps what it took, from a peak that is set back first. */
async function measured<T>(phase: string, work: () => Promise<T>): Promise<T> {
  const processes = [...it.processes, depot];
  for (const process of processes) process.resetPeak();
  const began = performance.now();
  const value = await work();
  const seconds = (performance.now() - began) / 1000;
  const each = processes.map((process) => ({ app: process.app, peak: process.memory().peak }));
  const told = each.map(({ app, peak }) => `${app} ${(peak / MB).toFixed(0)}`);
  figures.push(`${phase} ${seconds.toFixed(1)} s, peak MB ${told.join(', ')}`);
  peaks[phase] = Math.max(...each.map(({ peak }) => peak));
  return value;
}

/** A process that has written in bulk stays larger: that is no part of what a transfer takes. */
async function startAnew(): Promise<void> {
  expect(await it.stop()).toBe(0);
  await Promise.all(it.processes.map((process) => process.start()));
}

/** Just below the limit of a document, of text that packs to no less than its random bytes. */
function* incompressible(write: number): Generator<[string, object]> {
  for (let n = 0; n < DOCUMENTS_A_WRITE; n++) {
    yield [`/large/${write}-${n}`, { text: randomBytes(785_000).toString('base64') }];
  }
}

async function done(asked: Promise<{ body: Job }>): Promise<Job> {
  const job = await it.client.ended((await asked).body.id);
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  return job;
}

test(
  'an archive of more than 4 GiB is backed up to the depot, checked there, and restored from it',
  async () => {
    await measured('load', async () => {
      for (let write = 0; write < WRITES; write++) await it.client.bulk(incompressible(write));
    });
    await startAnew();
    const before = await fingerprintOf(it);
    expect(before.versions).toBe(DOCUMENTS);

    const backup = await measured('backup', () => done(it.client.backup(destination, { wait: false })));
    const { archive, ...result } = backup.result as BackupResult;
    expect(result).toMatchObject({ documents: DOCUMENTS, versions: DOCUMENTS, verified: 'EVERY_PART' });
    expect(archive.bytes).toBeGreaterThan(2 ** 32);
    figures.push(`archive ${archive.bytes} bytes in ${archive.parts} parts`);
    const zip = await zipFactsOf(join(folder, 'large.zip'));
    expect(zip.bytes).toBe(archive.bytes);
    expect(zip.directoryOffset).toBeGreaterThan(2 ** 32);
    expect(zip.largestOffset).toBeGreaterThan(2 ** 32);
    expect(zip.largestOffset).toBeLessThan(zip.directoryOffset);

    const restore = await measured('restore', () => done(it.client.restore(destination, { wait: false })));
    expect(restore.result).toMatchObject({ documents: DOCUMENTS, versions: DOCUMENTS, partsRead: archive.parts });
    const after = await fingerprintOf(it);
    expect(after.liveGeneration).not.toBe(before.liveGeneration);
    expect([after.versions, after.hash]).toEqual([before.versions, before.hash]);
    expect(await readdir(join(it.home, 'spool/uploads'))).toEqual([]);
    expect(peaks.backup).toBeLessThan(PEAK_BYTES);
    expect(peaks.restore).toBeLessThan(PEAK_BYTES);
  },
  MILLIS,
);

const END_BYTES = 22;
const ZIP64_ENDS_BYTES = 56 + 20;
const RECORD = 0x02014b50;
const RECORD_BYTES = 46;
const IN_ZIP64 = 0xffffffff;

/** Where a zip's directory and the last of its entries that need zip64 are, as its zip64 fields say. */
async function zipFactsOf(path: string): Promise<{ bytes: number; directoryOffset: number; largestOffset: number }> {
  const zip = await open(path);
  try {
    const { size } = await zip.stat();
    const ends = await bytesOf(zip, { start: size - END_BYTES - ZIP64_ENDS_BYTES, end: size });
    expect(ends.readUInt32LE(0)).toBe(0x06064b50);
    expect(ends.readUInt32LE(ZIP64_ENDS_BYTES)).toBe(0x06054b50);
    expect(ends.readUInt32LE(ZIP64_ENDS_BYTES + 16)).toBe(IN_ZIP64);
    const directoryOffset = Number(ends.readBigUInt64LE(48));
    const end = directoryOffset + Number(ends.readBigUInt64LE(40));
    const directory = await bytesOf(zip, { start: directoryOffset, end });
    return { bytes: size, directoryOffset, largestOffset: Math.max(...zip64OffsetsOf(directory)) };
  } finally {
    await zip.close();
  }
}

/** Offsets that stand in zip64 extra fields, behind the two sizes. */
function* zip64OffsetsOf(directory: Buffer): Generator<number> {
  for (let at = 0; at < directory.length;) {
    expect(directory.readUInt32LE(at)).toBe(RECORD);
    const extra = at + RECORD_BYTES + directory.readUInt16LE(at + 28);
    const extraBytes = directory.readUInt16LE(at + 30);
    if (directory.readUInt32LE(at + 42) === IN_ZIP64) yield Number(directory.readBigUInt64LE(extra + 20));
    at = extra + extraBytes + directory.readUInt16LE(at + 32);
  }
}

async function bytesOf(zip: FileHandle, { start, end }: { start: number; end: number }): Promise<Buffer> {
  const { buffer, bytesRead } = await zip.read(Buffer.alloc(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}
