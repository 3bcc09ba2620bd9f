import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect } from '@jest/globals';

import { HttpDestination, type HttpPlace } from './http-destination.js';
import type { HttpLimits } from './http-limits.js';
import { TestServer, type Behaviour, type KeyAndCertificate } from './servers/test-server.contract.js';

/** Small chunks and no pauses between attempts, so that a test of many is quick; silence is not what it is about. */
export const QUICK: Partial<HttpLimits> = {
  chunkBytes: 200_000,
  rangeBytes: 300_000,
  inFlight: 3,
  retries: { attempts: 4, firstDelayMillis: 1, maxDelayMillis: 4, maxRetryAfterMillis: 2_000 },
  patience: { connectMillis: 10_000, silenceMillis: 20_000, requestMillis: 25_000 },
  takeBackMillis: 20_000,
};

export const BEARER = 'the-bearer-of-a-test';

/** A spool of one test's own, and destinations over it. */
export interface HttpUnderTest {
  spool: string;
  /** Opened by the test; closed after it. */
  server: TestServer;
  serve(...behaviours: ((server: TestServer) => Behaviour)[]): Promise<TestServer>;
  serveTls(tls: KeyAndCertificate, ...behaviours: ((server: TestServer) => Behaviour)[]): Promise<TestServer>;
  destination(place?: Partial<HttpPlace>): HttpDestination;
  spooled(): Promise<string[]>;
}

export async function makeHttpUnderTest(): Promise<HttpUnderTest & { clear: () => Promise<void> }> {
  const spool = join(await mkdtemp(join(tmpdir(), 'tidemark-http-')), 'spool');
  const opened: TestServer[] = [];
  const made = {
    spool,
    get server(): TestServer {
      const last = opened.at(-1);
      if (last === undefined) throw new Error('no server has been opened');
      return last;
    },
    serve: async (...behaviours: ((server: TestServer) => Behaviour)[]) => {
      const server = await TestServer.open(...behaviours);
      opened.push(server);
      return server;
    },
    serveTls: async (tls: KeyAndCertificate, ...behaviours: ((server: TestServer) => Behaviour)[]) => {
      const server = await TestServer.openTls(tls, ...behaviours);
      opened.push(server);
      return server;
    },
    destination: (place: Partial<HttpPlace> = {}) => {
      const url = place.url ?? made.server.url;
      const display = `${url.origin}${url.pathname}?sig=***`;
      return new HttpDestination({ url, display, spool, bearer: BEARER, limits: QUICK, ...place });
    },
    spooled: async () => (await readdir(spool).catch(() => [])).sort(),
    clear: async () => {
      for (const server of opened) await server.close();
      await rm(join(spool, '..'), { recursive: true });
      expect(opened.flatMap(({ failures }) => failures)).toEqual([]);
    },
  };
  return made;
}

/** The same, for a file of tests: made before each of them. */
export function httpUnderTest(): HttpUnderTest {
  const place = {} as HttpUnderTest;
  let clear = (): Promise<void> => Promise.resolve();
  beforeEach(async () => {
    const made = await makeHttpUnderTest();
    ({ clear } = made);
    Object.defineProperties(place, Object.getOwnPropertyDescriptors(made));
  });
  afterEach(() => clear());
  return place;
}
