import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { openArchive, writeArchive } from '@tidemark/archive';
import { PART_HEADERS, partFactsToHeaders, type Snapshot } from '@tidemark/contracts';
import { RateLimit, systemClock } from '@tidemark/platform';

import { InternalHttp } from '../clients/internal-http.js';
import { SnapshotClient } from '../clients/snapshot-client.js';
import { SpoolFolder, type Spool } from '../spool.js';
import { fetchParts } from './fetch-parts.js';
import { BLOCK_BYTES, MemoryBlocks } from './memory-blocks.js';
import { receivePart, type ReceivedPart, type ReceiveOptions } from './received-part.js';

/** How the index-service of these tests answers the request for a part; after the last one it goes on well. */
type Fault = 'well' | 'no trailers' | 'cut off' | 'other bytes' | 'refused';

/** Ranges of three parts each, `<range>.<part>`; a part holds its own name, repeated. */
const RANGES = 4;
const PARTS = 3;
const ATTEMPT = { jobId: '0199aaaa-0000-7000-8000-000000000000', fence: 1, grant: 'granted' };

let server: Server;
let faults: Fault[];
let asked: string[];
let folder: string;
let spool: Spool;
let client: SnapshotClient;
let size: number;

beforeEach(async () => {
  faults = [];
  asked = [];
  size = 1000;
  server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  folder = await mkdtemp(join(tmpdir(), 'tidemark-spool-'));
  spool = await new SpoolFolder(folder).forAttempt(ATTEMPT);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = await SnapshotClient.open(new InternalHttp('the index-service'), url, {
    attempt: ATTEMPT,
    signal: new AbortController().signal,
  });
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

const sha256Of = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const contentOf = (place: string): Buffer => Buffer.alloc(size, place);

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://index');
  if (request.method === 'POST') {
    const session = `http://${request.headers.host ?? ''}/snapshots/s`;
    response.end(JSON.stringify({ ...SNAPSHOT, session }));
    return;
  }
  const [range = '', part = '0'] = (url.searchParams.get('from') ?? '').split('.');
  asked.push(`${range}.${part}`);
  answerPart(response, {
    place: `${range}.${part}`,
    next: Number(part) + 1 < PARTS ? `${range}.${Number(part) + 1}` : '',
  });
}

function answerPart(response: ServerResponse, { place, next }: { place: string; next: string }): void {
  const fault = faults.shift() ?? 'well';
  if (fault === 'refused') {
    response.writeHead(503).end(
      JSON.stringify({
        message: 'gone',
        statusCode: 503,
        documentKind: 'com:vmware:xenon:common:ServiceErrorResponse',
        errorCode: 0,
        code: 'INDEX_UNAVAILABLE',
      }),
    );
    return;
  }
  const content = contentOf(place);
  const facts = {
    rows: 1,
    bytes: content.length,
    rawBytes: 1,
    sha256: sha256Of(content),
    minUpdateTimeMicros: 1,
    maxUpdateTimeMicros: 1,
  };
  response.writeHead(200, { trailer: Object.values(PART_HEADERS).join(', ') });
  response.write(fault === 'other bytes' ? contentOf('x') : content.subarray(0, fault === 'cut off' ? 100 : undefined));
  if (fault === 'cut off') {
    response.socket?.destroySoon();
    return;
  }
  if (fault !== 'no trailers') response.addTrailers({ ...partFactsToHeaders(facts), [PART_HEADERS.next]: next });
  response.end();
}

const SNAPSHOT: Omit<Snapshot, 'session'> = {
  generation: 1,
  system: 's',
  closedTimeMicros: 1,
  pgSnapshot: 'p',
  serverVersion: '18',
  columns: [],
  ranges: Array.from({ length: RANGES }, (_, n) => ({ from: String(n), to: n === RANGES - 1 ? null : String(n + 1) })),
  versionsEstimate: 1,
};

const fetch = (signal = new AbortController().signal, rateLimit?: RateLimit): ReturnType<typeof fetchParts> =>
  fetchParts(client, { spool, parallelism: 2, signal, rateLimit });

async function receive(options: Pick<ReceiveOptions, 'memory' | 'memoryBytes'>): Promise<ReceivedPart> {
  const { signal } = new AbortController();
  return receivePart(await client.part({ from: '0', to: null }, signal), { name: 'p', spool, ...options });
}

async function all(parts: ReturnType<typeof fetchParts>): Promise<string[]> {
  const names: string[] = [];
  for await (const { content } of parts) {
    const bytes = 'path' in content ? readFileSync(content.path) : Buffer.concat([content].flat());
    names.push(bytes.toString('utf8', 0, 3));
  }
  return names;
}

/** Takes as long as the network for each chunk, and only then looks at it. */
function lateOutput(): Writable & { bytes(): Buffer } {
  const { port } = server.address() as AddressInfo;
  const taken: Buffer[] = [];
  const write = (chunk: Buffer, _encoding: unknown, done: () => void): void => {
    const take = (): void => {
      taken.push(Buffer.from(chunk));
      done();
    };
    get(`http://127.0.0.1:${port}/snapshots/s/parts?from=ping`, (answer) => answer.resume().once('end', take));
  };
  return Object.assign(new Writable({ highWaterMark: 1024 * 1024, write }), { bytes: () => Buffer.concat(taken) });
}

const EVERY = ['0.0', '0.1', '0.2', '1.0', '1.1', '1.2', '2.0', '2.1', '2.2', '3.0', '3.1', '3.2'];

describe('parts', () => {
  test('come in the order of the ranges, each range gone on with where its part ended', async () => {
    expect(await all(fetch())).toEqual(EVERY);
    expect([...asked].sort()).toEqual(EVERY);
  });

  test.each<Fault>(['no trailers', 'cut off', 'other bytes'])('%s: the part is asked for again', async (fault) => {
    faults = ['well', fault, 'well', fault, fault];
    expect(await all(fetch())).toEqual(EVERY);
    expect(asked).toHaveLength(EVERY.length + 3);
  });

  test('a part that stays broken ends the attempt, which may be tried again', async () => {
    faults = Array.from({ length: 20 }, () => 'cut off' as const);
    await expect(all(fetch())).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
  });

  test('what the index-service says is not asked again here', async () => {
    faults = ['refused'];
    await expect(all(fetch())).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE', message: 'gone' });
  });

  test('stopping early, by the reader or by the signal, leaves nothing in the spool', async () => {
    size = 40_000;
    const part = await receive({ memory: new MemoryBlocks(8 * BLOCK_BYTES), memoryBytes: 10_000 });
    expect(part.content).toMatchObject({ path: expect.stringContaining(folder) });
    const { path } = part.content as { path: string };
    expect(readFileSync(path)).toEqual(contentOf('0.0'));
    await part.release();
    expect(existsSync(path)).toBe(false);

    for await (const { facts } of fetch()) {
      expect(facts.bytes).toBe(size);
      break;
    }
    const stop = new AbortController();
    const stopped = fetch(stop.signal);
    await stopped.next();
    stop.abort(new Error('stop'));
    await expect(all(stopped)).rejects.toThrow();
    await spool.dispose();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('the memory of parts', () => {
  const memoryBytes = 8 * BLOCK_BYTES;
  const expectContent = (content: Buffer): void => expect(sha256Of(content)).toBe(sha256Of(contentOf('0.0')));

  test('is used again by others once the archive has a part, and not before', async () => {
    size = 2 * BLOCK_BYTES + 1000;
    const output = lateOutput();
    const totals = (): Promise<{ documents: number }> => Promise.resolve({ documents: 1 });
    const { product, index } = {
      product: { name: 'p', version: '1' },
      index: { name: 'i', generation: 1, system: 's' },
    };
    const snapshot = { closedTimeMicros: 1, pgSnapshot: 'p', serverVersion: '18' };
    await writeArchive({ output, header: { product, index, snapshot }, parts: fetch(), totals });
    const zip = output.bytes();
    const archive = await openArchive({
      size: zip.length,
      stream: (offset, length) => Readable.from([zip.subarray(offset, offset + length)]),
    });
    await archive.verify({ depth: 'BYTES' });
    expect(archive.parts.map(({ sha256 }) => sha256)).toEqual(EVERY.map((place) => sha256Of(contentOf(place))));
  });

  test('goes from one part to the next, and a part that finds none left goes into the spool', async () => {
    const memory = new MemoryBlocks(2 * BLOCK_BYTES + 1);
    size = BLOCK_BYTES + 1;
    const first = await receive({ memory, memoryBytes });
    const held = first.content as Buffer[];
    expect(held.map(({ length }) => length)).toEqual([BLOCK_BYTES, 1]);
    const second = await receive({ memory, memoryBytes });
    expectContent(readFileSync((second.content as { path: string }).path));
    await second.release();
    expectContent(Buffer.concat(held));
    await first.release();
    const third = await receive({ memory, memoryBytes });
    expect(new Set((third.content as Buffer[]).map(({ buffer }) => buffer))).toEqual(
      new Set(held.map(({ buffer }) => buffer)),
    );
    expectContent(Buffer.concat(third.content as Buffer[]));
  });

  test('is there again after a part that did not fit, and after one that broke', async () => {
    const memory = new MemoryBlocks(2 * BLOCK_BYTES);
    for (const fault of ['well', 'other bytes', 'cut off', 'well'] as const) {
      faults = [fault];
      size = 3 * BLOCK_BYTES;
      const large = await receive({ memory, memoryBytes }).catch(() => undefined);
      expect(large === undefined).toBe(fault !== 'well');
      await large?.release();
      size = 2 * BLOCK_BYTES;
      const part = await receive({ memory, memoryBytes });
      expectContent(Buffer.concat(part.content as Buffer[]));
      await part.release();
    }
  });
});

describe('parts with a limit on bytes a second', () => {
  const { signal } = new AbortController();

  test('come in that time, and one after the other where two would come too slowly', async () => {
    size = 4000;
    faults = ['well', 'cut off'];
    const bytesPerSecond = 64 * 1024;
    const begun = systemClock.monotonicMillis();
    expect(await all(fetch(signal, new RateLimit(bytesPerSecond)))).toEqual(EVERY);
    const seconds = (systemClock.monotonicMillis() - begun) / 1000;
    expect(seconds).toBeGreaterThan((EVERY.length * size) / bytesPerSecond - 0.1);
    expect(asked).toEqual(['0.0', '0.1', ...EVERY.slice(1)]);
  });

  test('that would take days end at once when they are not wanted any more, with nothing in the spool', async () => {
    size = 9_000_000;
    const stop = new AbortController();
    const stopped = all(fetch(stop.signal, new RateLimit(1)));
    await once(server, 'request');
    stop.abort(new Error('stop'));
    await expect(stopped).rejects.toThrow('stop');
    await spool.dispose();
    expect(await readdir(folder)).toEqual([]);
  });
});

test('a worker that starts removes what dead attempts left in the spool, and nothing else', async () => {
  const keep = join(folder, 'keep.txt');
  await finished(spool.create('part-0').end('x'));
  await writeFile(keep, 'mine');
  await new SpoolFolder(folder).prepare();
  expect(await readdir(folder)).toEqual(['keep.txt']);
});
