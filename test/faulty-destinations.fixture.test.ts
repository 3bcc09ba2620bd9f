import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from '@jest/globals';

import {
  fingerprintOf,
  HttpFaultProxy,
  startSystem,
  TestProcess,
  type Fault,
  type FaultOf,
  type IndexFingerprint,
  type Job,
  type ProxiedRequest,
  type RunningSystem,
} from '@tidemark/testing';

import { InPlaceServer } from './in-place-server.fixture.test.js';
import { expectNothingSpooled } from './spool.fixture.test.js';

/** Support for tests of faults on the way to a destination (no test itself: its name has no tier). */

/** The least that is allowed, so that an archive of some hundred KiB is many chunks and parts. */
export const CHUNK_BYTES = 64 * 1024;
/** A stall ends so soon; a machine that stands still for a moment is no stall. */
const SILENCE_SECONDS = 2;
/** Shorter answers are looks at what is there, longer ones parts of an archive. */
const LOOK_BYTES = 8 * 1024;

/** A server with one archive, and a proxy in front of it. */
export interface FaultyPlace {
  readonly proxy: HttpFaultProxy;
  /** The archive by way of the proxy. */
  readonly url: string;
  /** The same without it. */
  readonly origin: string;
  /** What lies there: empty where nothing does. */
  readonly stored: () => Promise<Buffer>;
  readonly store: (bytes: Buffer) => Promise<void>;
}

/** A server that nobody must ask. */
export interface Trap {
  readonly url: string;
  readonly asked: string[];
}

/** A system, the depot and the plainest server of ranges, each behind a proxy of its own, and a server nobody is sent to. */
export class FaultyDestinations {
  private constructor(
    readonly it: RunningSystem,
    readonly depot: FaultyPlace,
    readonly plain: FaultyPlace,
    readonly trap: Trap,
    private readonly removal: () => Promise<void>,
  ) {}

  static async start(more: Readonly<Record<string, string>> = {}): Promise<FaultyDestinations> {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
    const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder };
    const depot = await new TestProcess({ app: 'archive-depot', settings }).start();
    const plain = await new InPlaceServer().listen();
    const [trapServer, trap] = await openTrap();
    const depotPlace = await placeOf(`${depot.url}/archives/a.zip`, {
      stored: async () => Buffer.from(await (await fetch(`${depot.url}/archives/a.zip`)).arrayBuffer()),
      store: async (body) => {
        expect((await fetch(`${depot.url}/archives/a.zip`, { method: 'PUT', body })).ok).toBe(true);
      },
    });
    const plainPlace = await placeOf(plain.url, {
      stored: () => Promise.resolve(Buffer.from(plain.stored)),
      store: (bytes) => Promise.resolve(void (plain.stored = Buffer.from(bytes))),
    });
    const it = await startSystem({
      settings: {
        TIDEMARK_HTTP_ALLOW:
          [depotPlace, plainPlace].flatMap(({ url, origin }) => [url, origin]).join(', ') + `, ${trap.url}`,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
        TIDEMARK_HTTP_SILENCE_SECONDS: String(SILENCE_SECONDS),
        TIDEMARK_CHUNK_BYTES: String(CHUNK_BYTES),
        TIDEMARK_PART_BYTES: String(64 * 1024),
        ...more,
      },
    });
    await it.client.bulk(Array.from({ length: 600 }, (_, n) => [`/kept/${n}`, { text: incompressible() }]));
    return new FaultyDestinations(it, depotPlace, plainPlace, trap, async () => {
      await it.remove();
      for (const { proxy } of [depotPlace, plainPlace]) await proxy.close();
      await depot.stop();
      await plain.close();
      trapServer.close();
      await rm(folder, { recursive: true });
    });
  }

  /** Changes a document; what the index is then. */
  async write(link: string): Promise<IndexFingerprint> {
    expect((await this.it.client.put(link, { text: incompressible() })).status).toBeLessThan(300);
    return await fingerprintOf(this.it);
  }

  /** What a backup has left at the origin is what it says, and brings back what was archived. */
  async expectProven({ origin, stored }: FaultyPlace, job: Job, archived: IndexFingerprint): Promise<void> {
    const { archive } = job.result as { archive: { bytes: number; sha256: string } };
    const bytes = await stored();
    expect({ bytes: bytes.length, sha256: sha256Of(bytes) }).toEqual({ bytes: archive.bytes, sha256: archive.sha256 });
    await this.write('/lost/0');
    expect((await this.it.client.restore(origin)).body).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    expect((await fingerprintOf(this.it)).hash).toBe(archived.hash);
  }

  /** Nothing broke that was not told to, and nobody followed a redirect. */
  expectSound(): void {
    const failures = [this.depot, this.plain].flatMap(({ proxy }) => proxy.failures.splice(0));
    expect({ failures, followed: this.trap.asked.splice(0) }).toEqual({ failures: [], followed: [] });
  }

  /** Names of the archives that the depot shows. */
  async shown(): Promise<string[]> {
    const { archives } = (await (await fetch(new URL('.', this.depot.origin))).json()) as {
      archives: { name: string }[];
    };
    return archives.map(({ name }) => name);
  }

  async expectNothingSpooled(): Promise<void> {
    await expectNothingSpooled(this.it);
  }

  async remove(): Promise<void> {
    await this.removal();
  }
}

/** Where in a job a fault is met. */
export const AT = {
  /** From 0; the first is sent alone. */
  chunk:
    (n: number): Where =>
    ({ method, range }) =>
      method === 'PUT' && range?.start === n * CHUNK_BYTES,
  upload: ({ method }: ProxiedRequest) => method === 'PUT',
  /** Every chunk from the third on. */
  laterChunks: ({ method, range }: ProxiedRequest) => method === 'PUT' && (range?.start ?? 0) >= 2 * CHUNK_BYTES,
  /** A look at what is there: the first bytes, or the end of the zip. */
  look: ({ method, range }: ProxiedRequest) => method === 'GET' && sizeOf(range) <= LOOK_BYTES,
  part: ({ method, range }: ProxiedRequest) => method === 'GET' && sizeOf(range) > LOOK_BYTES,
  anywhere: () => true,
} as const;
export type Where = (request: ProxiedRequest) => boolean;

function sizeOf(range: ProxiedRequest['range']): number {
  return range ? range.end - range.start : 0;
}

/** The first so many requests that are there are hit. */
export function burst(times: number, where: Where, fault: Fault): FaultOf {
  let left = times;
  return (request) => (left > 0 && where(request) && left-- > 0 ? fault : undefined);
}

/** The first of several that has something to do. */
export function eitherOf(...all: readonly FaultOf[]): FaultOf {
  return async (request) => {
    for (const faultOf of all) {
      const fault = await faultOf(request);
      if (fault) return fault;
    }
    return undefined;
  };
}

/** The faults that were really met, each request in turn. */
export function met({ proxy }: FaultyPlace): (string | undefined)[] {
  return proxy.seen.filter(({ happened }) => happened).map(({ fault }) => fault);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function incompressible(): string {
  return randomBytes(1024).toString('base64');
}

async function placeOf(origin: string, ways: Pick<FaultyPlace, 'stored' | 'store'>): Promise<FaultyPlace> {
  const proxy = await HttpFaultProxy.open(origin);
  return { proxy, origin, url: proxy.urlOf(origin), ...ways };
}

async function openTrap(): Promise<[Server, Trap]> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return [server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/trap.zip`, asked }];
}
