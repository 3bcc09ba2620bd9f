import { randomBytes, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { beforeEach, describe, expect, test } from '@jest/globals';

import { RateLimit, sleep, systemClock } from '@tidemark/platform';

import { expectBytes, go, readAll, write } from '../contract/place-under-test.contract.js';
import type { ArchiveDraft } from '../destination.js';
import type { GivenLimits } from './http-limits.js';
import { httpUnderTest, QUICK } from './http-under-test.contract.js';
import { rfc } from './servers/behaviours.contract.js';

const ARCHIVE = randomBytes(48_000);
const BYTES_PER_SECOND = 12_800;
const BURST_SECONDS = 0.1;
const http = httpUnderTest();

async function draftOf(rateLimit: RateLimit, limits: GivenLimits = QUICK): Promise<ArchiveDraft> {
  const draft = await http.destination({ rateLimit, limits }).draft({ jobId: randomUUID(), fence: 1 }, go);
  await write(draft, ARCHIVE);
  return draft;
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const begun = systemClock.monotonicMillis();
  await work();
  return (systemClock.monotonicMillis() - begun) / 1000;
}

describe('a destination with a limit on bytes a second', () => {
  test('is sent an archive and read in that time; its own slowness is no silence, nor too long a request', async () => {
    const server = await http.serve(rfc);
    // A piece takes 1.28 s, a chunk of either direction more than 1.5.
    const patience = { connectMillis: 2_000, silenceMillis: 1_000, requestMillis: 1_500 };
    const draft = await draftOf(new RateLimit(BYTES_PER_SECOND), {
      ...QUICK,
      chunkBytes: 24_000,
      inFlight: 2,
      patience,
    });
    const least = ARCHIVE.length / BYTES_PER_SECOND - BURST_SECONDS;
    expect(await secondsOf(() => draft.transfer(go))).toBeGreaterThan(least);
    const source = await draft.open(go);
    expect(await secondsOf(async () => expectBytes(await readAll(source), ARCHIVE))).toBeGreaterThan(least);
    expect(server.requests('PUT')).toHaveLength(2);
  });

  describe('that is reached', () => {
    const reason = new Error('cancelled');
    let abort: AbortController;
    let reached: RateLimit;
    let waitsUntil: AbortSignal | undefined;
    beforeEach(() => {
      abort = new AbortController();
      let waits = 0;
      const wait = (millis: number, signal?: AbortSignal): Promise<void> => {
        if (waits++ === 0) return Promise.resolve();
        waitsUntil = signal;
        abort.abort(reason);
        return sleep(millis, signal);
      };
      reached = new RateLimit(1, { wait });
    });

    test('is left at once by an upload that is cancelled', async () => {
      await http.serve(rfc);
      await expect((await draftOf(reached)).transfer(abort.signal)).rejects.toBe(reason);
      expect(waitsUntil?.aborted).toBe(true);
    });

    test('is left at once by a reader that is cancelled', async () => {
      (await http.serve(rfc)).content = ARCHIVE;
      const source = await http.destination({ rateLimit: reached }).open(go);
      await expect(buffer(source.stream(0, source.size, abort.signal))).rejects.toBe(reason);
      await source.close();
    });
  });
});
