/** What a caller sees of a transfer over HTTP and can do about it: how far it is, how little is read back, and its end. */
import { randomBytes } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  HTTP_FAULTS,
  unusedGenerations,
  type FaultOf,
  type IndexFingerprint,
  type Job,
} from '@tidemark/testing';

import { FaultyDestinations, type FaultyPlace } from './faulty-destinations.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

/** What stands in the way of a job lasts longer than that. */
const CANCELLED_WITHIN_MILLIS = 10_000;
const OLD = randomBytes(300_000);
const MOVING = { bytesDone: expect.any(Number), bytesTotal: expect.any(Number), bytesPerSecond: expect.any(Number) };

let them: FaultyDestinations;
let live: IndexFingerprint;
beforeAll(async () => {
  them = await FaultyDestinations.start({
    TIDEMARK_HTTP_READ_BACK: 'sample',
    TIDEMARK_PARALLELISM: '1',
    TIDEMARK_HTTP_SILENCE_SECONDS: '30',
  });
});
afterAll(() => them.remove());
beforeEach(async () => {
  for (const { proxy } of [them.depot, them.plain]) proxy.give(() => undefined);
  live = await them.write('/kept/0');
});
afterEach(async () => {
  await them.expectNothingSpooled();
  them.expectSound();
});

const after =
  (method: string, count: number, fault: ReturnType<FaultOf>): FaultOf =>
  (request) =>
    request.method === method && request.number > count ? fault : undefined;

/** Cancels a job when it is so, and holds the time that takes against what was promised. */
async function cancelledWhen(id: string, isSo: (job: Job) => boolean): Promise<{ seen: Job; ended: Job }> {
  const { client } = them.it;
  const seen = await client.jobWhen(id, isSo);
  const begun = performance.now();
  expect((await client.cancel(id)).status).toBe(202);
  const ended = await client.ended(id);
  expect(performance.now() - begun).toBeLessThan(CANCELLED_WITHIN_MILLIS);
  expect(ended).toMatchObject({ state: 'CANCELLED', error: null });
  return { seen, ended };
}

describe('an upload that is cancelled', () => {
  const uploading = async (place: FaultyPlace): ReturnType<typeof cancelledWhen> => {
    place.proxy.give(after('PUT', 4, HTTP_FAULTS.stallInRequest(1000)));
    const { body } = await them.it.client.backup(place.url, { wait: false });
    return await cancelledWhen(
      body.id,
      ({ phase, progress }) => phase === 'UPLOADING' && (progress?.bytesDone ?? 0) > 0,
    );
  };

  test('is forgotten by the depot, which has its old archive still', async () => {
    await them.depot.store(OLD);
    const { seen, ended } = await uploading(them.depot);
    expect(seen.progress).toMatchObject({ ...MOVING, versionsTotal: null, etaSeconds: expect.any(Number) });
    expect(ended).toMatchObject({ warnings: [], attempts: [{ attempt: 1, error: null }] });
    expect(them.depot.proxy.seen.filter(({ request }) => request.method === 'DELETE')).toMatchObject([{ status: 204 }]);
    const list = (await (await fetch(new URL('.', them.depot.origin))).json()) as { uploads: unknown[] };
    expect(list.uploads).toEqual([]);
    expect((await them.depot.stored()).equals(OLD)).toBe(true);
  });

  test('leaves at another server what that has taken, and says so', async () => {
    await them.plain.store(OLD);
    const { ended } = await uploading(them.plain);
    expect(ended.warnings).toEqual([expect.stringMatching(/^the destination may hold neither the old archive nor/)]);
    expect(ended.attempts).toMatchObject([{ error: { code: 'CANCELLED', destinationTouched: true } }]);
    expect((await them.plain.stored()).equals(OLD)).toBe(false);
    expect(them.plain.proxy.seen.filter(({ request }) => request.method === 'DELETE')).toEqual([]);
  });
});

describe('a restore that is cancelled', () => {
  afterEach(async () => {
    expect(await fingerprintOf(them.it)).toEqual(live);
    expect((await unusedGenerations(them.it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
  });

  test('while a server without ranges sends the whole: how much of it has come is seen', async () => {
    expect((await them.it.client.backup(them.plain.origin)).status).toBe(200);
    const { length } = await them.plain.stored();
    const whole = { ...HTTP_FAULTS.wholeForRange(), ...HTTP_FAULTS.drip(400, 100) };
    them.plain.proxy.give(after('GET', 0, whole));
    const { body } = await them.it.client.restore(them.plain.url, { wait: false });
    const done: number[] = [];
    const { seen } = await cancelledWhen(body.id, ({ phase, progress }) => {
      if (phase === 'DOWNLOADING') done.push(progress?.bytesDone ?? 0);
      return new Set(done).size > 2;
    });
    expect(seen.progress).toMatchObject({ ...MOVING, bytesTotal: length, etaSeconds: expect.any(Number) });
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBeLessThan(length);
  });

  test('while parts are fetched by ranges', async () => {
    expect((await them.it.client.backup(them.depot.origin)).status).toBe(200);
    const isPart: FaultOf = ({ range }) =>
      range && range.end - range.start > 32 * 1024 ? HTTP_FAULTS.drip(50, 100) : undefined;
    them.depot.proxy.give(isPart);
    const { body } = await them.it.client.restore(them.depot.url, { wait: false });
    await cancelledWhen(body.id, ({ phase }) => phase === 'STAGING');
  });
});

test('a sample is read back where the settings say so, and the job says that it was no more', async () => {
  const { body } = await them.it.client.backup(them.depot.url);
  const { archive, verified } = body.result as { archive: { bytes: number; parts: number }; verified: string };
  expect(verified).toBe('SAMPLE');
  expect(archive.parts).toBeGreaterThan(9);
  const read = them.depot.proxy.seen.filter(({ request }) => request.method === 'GET');
  const parts = read.filter(({ request: { range } }) => range !== undefined && range.end - range.start > 32 * 1024);
  expect(parts.length).toBeLessThanOrEqual(8);
  await them.expectProven(them.depot, body, live);
  const toFile = await them.it.client.backup(`file:${them.it.archives}/whole.zip`);
  expect(toFile.body.result).toMatchObject({ verified: 'EVERY_PART' });
});
