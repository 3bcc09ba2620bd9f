import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { exchange, refusalOf, TestProcess, withOwnMounts, type RawAnswer } from '@tidemark/testing';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

/** The depot as a process: killed in the middle of an upload, and over a disk that is too small. */
const PIECE = 512 * 1024;
const WHOLE = randomBytes(40 * PIECE + 17);
const MEGABYTE = 1024 * 1024;

let folder: string;
let depot: TestProcess;
const depotWithin = (within: readonly string[] = []): TestProcess =>
  new TestProcess({ app: 'archive-depot', settings: { TIDEMARK_DEPOT_FOLDER: folder, PORT: '0' }, within });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
});
afterEach(async () => {
  await depot.kill();
  await rm(folder, { recursive: true });
});

const put = (name: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<RawAnswer> =>
  exchange(`${depot.url}/archives/${name}`, { method: 'PUT', headers, body });

async function putPiece(start: number): Promise<RawAnswer> {
  const piece = WHOLE.subarray(start, start + PIECE);
  const range = `bytes ${start}-${start + piece.length - 1}/${WHOLE.length}`;
  return await put('a.zip', piece, { 'content-range': range, 'x-tidemark-upload': 'job.1' });
}

async function content(): Promise<Buffer> {
  return Buffer.from(await (await fetch(`${depot.url}/archives/a.zip`)).arrayBuffer());
}

test('killed at any moment, it still has each piece that it said it has, and goes on', async () => {
  depot = await depotWithin().start();
  await put('a.zip', Buffer.from('old'));
  const waiting = Array.from({ length: 41 }, (_, n) => n * PIECE).reverse();
  const acknowledged = new Set<number>();
  for (const killAfter of [3, 11, 24]) {
    const before = acknowledged.size;
    const senders = Array.from({ length: 6 }, async () => {
      for (let start = waiting.pop(); start !== undefined; start = waiting.pop()) {
        const answer = await putPiece(start).catch(() => undefined);
        // 200: it had counted, and only its answer was lost.
        if (answer?.status !== 202 && answer?.status !== 200) {
          waiting.push(start);
          return;
        }
        acknowledged.add(start);
        if (acknowledged.size >= killAfter) return;
      }
    });
    await Promise.any(senders);
    await depot.kill();
    await Promise.all(senders);
    expect(acknowledged.size).toBeGreaterThan(before);
    depot = await depotWithin().start();
    expect((await content()).toString()).toBe('old');
    for (const start of acknowledged) expect((await putPiece(start)).status).toBe(200);
  }
  const statuses: number[] = [];
  for (const start of waiting.reverse()) statuses.push((await putPiece(start)).status);
  expect(statuses.filter((status) => status === 204)).toHaveLength(1);
  expect((await content()).equals(WHOLE)).toBe(true);
  expect(await depot.stop()).toBe(0);
});

describe('over a disk of 8 MiB', () => {
  const within = withOwnMounts('mount -t tmpfs -o size=8m,mode=0700 tmpfs "$TIDEMARK_DEPOT_FOLDER"');
  const where = within ? test : test.skip;
  const full = (answer: RawAnswer): void => expect(refusalOf(answer)).toMatchObject({ code: 'DESTINATION_FULL' });
  const files = async (): Promise<string[]> => await readdir(join(`/proc/${depot.pid}/root`, folder));

  where('what is too large is refused, before it is sent or when the disk is full; the old archive stays', async () => {
    depot = await depotWithin(within).start();
    await put('a.zip', Buffer.from('old'));
    full(await put('a.zip', Buffer.alloc(9 * MEGABYTE)));
    full(await putPiece(0));
    full(await put('a.zip', Buffer.alloc(9 * MEGABYTE), { 'transfer-encoding': 'chunked' }));
    expect(await files()).toEqual(['a.zip']);
    expect((await content()).toString()).toBe('old');
  });

  where('an upload that finds no room goes on once there is some', async () => {
    depot = await depotWithin(within).start();
    const whole = randomBytes(6 * MEGABYTE);
    const half = (n: number): Promise<RawAnswer> =>
      put('b.zip', whole.subarray(3 * n * MEGABYTE, 3 * (n + 1) * MEGABYTE), {
        'content-range': `bytes ${3 * n * MEGABYTE}-${3 * (n + 1) * MEGABYTE - 1}/${whole.length}`,
      });
    expect((await half(0)).status).toBe(202);
    await put('in-the-way', Buffer.alloc(4 * MEGABYTE));
    full(await half(1));
    expect((await fetch(`${depot.url}/core/health/live`)).status).toBe(200);
    await exchange(`${depot.url}/archives/in-the-way`, { method: 'DELETE' });
    expect((await half(1)).status).toBe(201);
    expect((await files()).sort()).toEqual(['b.zip']);
  });
});
