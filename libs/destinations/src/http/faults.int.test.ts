import { randomBytes, randomInt, randomUUID } from 'node:crypto';

import { expect, test } from '@jest/globals';

import { TidemarkError } from '@tidemark/contracts';
import { seededNumbers } from '@tidemark/testing';

import { expectBytes, go, readAll, write } from '../contract/place-under-test.contract.js';
import { httpUnderTest, QUICK } from './http-under-test.contract.js';
import { ancestor, appending, rfc } from './servers/behaviours.contract.js';
import { answer, type Behaviour } from './servers/test-server.contract.js';

const ARCHIVE = randomBytes(1_500_000);
const http = httpUnderTest();

const resetAtRequest: Behaviour = (request, response) => {
  request.once('data', () => response.destroy());
  request.once('end', () => response.destroy());
  request.resume();
  return true;
};

/** Lets so many bytes of the answer's body through. */
const resetInAnswer =
  (bytes: number): Behaviour =>
  (request, response) => {
    const end = response.end.bind(response);
    response.end = ((body?: Buffer) => {
      if (request.method !== 'GET' || !Buffer.isBuffer(body)) return end(body);
      response.write(body.subarray(0, bytes), () => response.destroy());
      return response;
    }) as never;
    return false;
  };

const FAULTS: readonly ((random: (below: number) => number) => Behaviour)[] = [
  () => resetAtRequest,
  (random) => resetInAnswer(random(200_000)),
  () => answer(500),
  () => answer(502, { 'content-type': 'text/html' }, '<h1>bad gateway</h1>'),
  () => answer(503, { 'retry-after': '0' }),
  () => answer(429),
  () => answer(408),
];

test.each([
  ['rfc', rfc],
  ['ancestor', ancestor],
  ['appending', appending],
] as const)(
  'in any mix of faults an archive arrives and comes back whole, or a code says why not: %s',
  async (_, kind) => {
    const seed = randomInt(2 ** 31);
    const random = seededNumbers(seed);
    const server = await http.serve(kind);
    server.scripted.push((request, response) => {
      if (random(4) !== 0) return false;
      const fault = FAULTS[random(FAULTS.length)];
      return fault === undefined ? false : fault(random)(request, response);
    });
    const retries = { attempts: 8, firstDelayMillis: 1, maxDelayMillis: 4, maxRetryAfterMillis: 10 };
    const outcome = async (): Promise<string> => {
      const destination = http.destination({ limits: { ...QUICK, chunkBytes: 60_000, rangeBytes: 90_000, retries } });
      const attempt = { jobId: randomUUID(), fence: 1 };
      const draft = await destination.draft(attempt, go);
      await write(draft, ARCHIVE);
      try {
        await draft.transfer(go);
        expectBytes(await readAll(await draft.open(go)), ARCHIVE);
        await destination.finish(await draft.seal(), attempt, go);
        expectBytes(server.content, ARCHIVE);
        return 'WHOLE';
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw new Error(`seed ${seed}`, { cause: error });
        return error.code;
      } finally {
        await draft.discard();
      }
    };
    const seen = [];
    for (let run = 0; run < 5; run++) seen.push(await outcome());
    const allowed = /^(WHOLE|DESTINATION_UNREACHABLE|DESTINATION_TIMEOUT)$/;
    expect({ seed, wrong: seen.filter((one) => !allowed.test(one)) }).toEqual({ seed, wrong: [] });
    expect({ seed, seen }).toMatchObject({ seen: expect.arrayContaining(['WHOLE']) as unknown });
    expect(await http.spooled()).toEqual([]);
  },
);
