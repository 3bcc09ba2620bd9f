import { randomBytes, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { describe, expect, test } from '@jest/globals';

import { expectBytes, expectCode, go, readAll, write } from '../contract/place-under-test.contract.js';
import type { ArchiveDraft } from '../destination.js';
import { BEARER, httpUnderTest, QUICK } from './http-under-test.contract.js';
import { ancestor, appending, ignoring, plain, rfc } from './servers/behaviours.contract.js';
import { answer, putRange, type Behaviour } from './servers/test-server.contract.js';

const ARCHIVE = randomBytes(1_500_000);
const OLD = Buffer.from('what was there before');
const CHUNKS = 8;
const http = httpUnderTest();

async function draftOf(content = ARCHIVE): Promise<ArchiveDraft> {
  const draft = await http.destination().draft({ jobId: randomUUID(), fence: 1 }, go);
  await write(draft, content);
  return draft;
}

describe('an upload', () => {
  test('is PUTs of inclusive ranges with the total, the bearer, and nothing that asks for an encoding', async () => {
    const server = await http.serve(rfc);
    await (await draftOf()).transfer(go);
    const puts = server.requests('PUT');
    const sent = puts.map(({ headers }) => String(headers['content-range'])).sort();
    const expected = Array.from({ length: CHUNKS }, (_, chunk) => {
      const start = chunk * 200_000;
      return `bytes ${start}-${Math.min(start + 200_000, ARCHIVE.length) - 1}/${ARCHIVE.length}`;
    });
    expect(sent).toEqual(expected.sort());
    for (const { headers, url } of server.seen) {
      expect(headers.authorization).toBe(`Bearer ${BEARER}`);
      expect(headers['accept-encoding']).toBeUndefined();
      expect(url).toBe('/archives/a.zip?sig=secret');
    }
    for (const { headers } of puts) {
      expect(headers['content-type']).toBe('application/octet-stream');
      expect(headers['transfer-encoding']).toBeUndefined();
    }
  });

  test('sends the first chunk alone and then so many side by side', async () => {
    const server = await http.serve(rfc);
    let underWay = 0;
    const seen: number[] = [];
    const allAtOnce = Promise.withResolvers<undefined>();
    server.scripted.push(async (request) => {
      if (request.method !== 'PUT') return false;
      seen.push(++underWay);
      const isFirst = seen.length === 1;
      if (seen.length === 2) setTimeout(() => allAtOnce.resolve(undefined), 5_000).unref();
      if (underWay === QUICK.inFlight) allAtOnce.resolve(undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (!isFirst) await allAtOnce.promise;
      underWay--;
      return false;
    });
    await (await draftOf()).transfer(go);
    expect(putRange({ headers: server.requests('PUT')[0]?.headers } as never)?.start).toBe(0);
    expect(seen.slice(0, 2)).toEqual([1, 1]);
    expect(Math.max(...seen)).toBe(QUICK.inFlight);
  });

  test.each([
    ['appending', appending, 409],
    ['appending', appending, 412],
    ['appending', appending, 416],
  ] as const)(
    'goes on in order where a server that is %s answers %3$d to a later chunk',
    async (_, behaviour, status) => {
      const server = await http.serve(behaviour);
      server.scripted.push(async (request, response) => {
        const range = request.method === 'PUT' ? putRange(request) : undefined;
        if (range === undefined || range.start <= (server.content?.length ?? 0)) return false;
        return answer(status)(request, response);
      });
      server.content = undefined;
      const draft = await draftOf();
      await draft.transfer(go);
      expectBytes(server.content, ARCHIVE);
    },
  );

  test('to a server without ranges is one PUT where one chunk holds it', async () => {
    const server = await http.serve(plain);
    const small = ARCHIVE.subarray(0, 200_000);
    const draft = await draftOf(small);
    await draft.transfer(go);
    expectBytes(await readAll(await draft.open(go)), small);
    expect(server.requests('PUT').map(({ headers }) => headers['content-range'])).toEqual([
      'bytes 0-199999/200000',
      undefined,
    ]);
  });

  test('to a server without ranges is read back once, and looked at by its headers otherwise', async () => {
    const server = await http.serve(plain);
    const small = ARCHIVE.subarray(0, 200_000);
    const destination = http.destination();
    const attempt = { jobId: randomUUID(), fence: 1 };
    const draft = await destination.draft(attempt, go);
    await write(draft, small);
    await draft.transfer(go);
    expectBytes(await readAll(await draft.open(go)), small);
    await destination.finish(await draft.seal(), attempt, go);
    expect(server.requests('GET')).toHaveLength(3);
    expect(await http.spooled()).toEqual([]);
  });

  test('to a server without ranges is refused where it takes several, and nothing was touched', async () => {
    const server = await http.serve(plain);
    server.content = OLD;
    const draft = await draftOf();
    await expect(draft.transfer(go)).rejects.toMatchObject({ code: 'DESTINATION_REFUSED', details: { status: 400 } });
    expect(draft.destinationTouched).toBe(false);
    expectBytes(server.content, OLD);
  });

  test('to a server that takes each chunk for the whole is found out', async () => {
    await http.serve(ignoring);
    const draft = await draftOf();
    await expectCode(draft.transfer(go), 'DESTINATION_IGNORES_RANGES');
    expect(draft.destinationTouched).toBe(true);
  });

  test('to a server that puts chunks elsewhere is found out when it is read back', async () => {
    const server = await http.serve(rfc);
    const draft = await draftOf();
    await draft.transfer(go);
    server.content?.reverse();
    const source = await draft.open(go);
    await expectCode(buffer(source.stream(0, source.size)), 'DESTINATION_IGNORES_RANGES');
    await source.close();
  });

  test('to a server that forgets it is lost', async () => {
    await http.serve(rfc);
    http.server.scripted.push((request, response) =>
      request.method === 'PUT' ? answer(204)(request, response) : false,
    );
    await expectCode((await draftOf()).transfer(go), 'DELIVERY_LOST');
  });

  test('to the ancestor’s file service arrives, though that never truncates', async () => {
    const server = await http.serve(ancestor);
    const draft = await draftOf();
    await draft.transfer(go);
    expectBytes(await readAll(await draft.open(go)), ARCHIVE);
    server.content = Buffer.concat([ARCHIVE, OLD]);
    await expectCode((await draftOf()).transfer(go), 'DESTINATION_IGNORES_RANGES');
  });
});

describe('an upload that is disturbed', () => {
  const reset: Behaviour = (request, response) => {
    request.once('data', () => response.destroy());
    return true;
  };

  test('sends a chunk again, and no other, after resets and passing answers', async () => {
    const server = await http.serve(rfc);
    const pass: Behaviour = () => false;
    server.script('PUT', answer(503), reset, answer(429), pass, answer(500), answer(408), reset);
    const draft = await draftOf(ARCHIVE.subarray(0, 600_000));
    await draft.transfer(go);
    expect(server.requests('PUT')).toHaveLength(3 + 6);
    expectBytes(server.content, ARCHIVE.subarray(0, 600_000));
  });

  test('honours Retry-After', async () => {
    const server = await http.serve(rfc);
    server.script('PUT', answer(429, { 'retry-after': '1' }));
    const began = performance.now();
    await (await draftOf()).transfer(go);
    expect(performance.now() - began).toBeGreaterThan(990);
    expectBytes(server.content, ARCHIVE);
  });

  test.each([
    [401, 'DESTINATION_REFUSED', false, 1],
    [403, 'DESTINATION_REFUSED', false, 1],
    [404, 'DESTINATION_REFUSED', false, 1],
    [405, 'DESTINATION_REFUSED', false, 1],
    [413, 'DESTINATION_REFUSED', false, 1],
    [302, 'DESTINATION_REFUSED', false, 1],
    [507, 'DESTINATION_FULL', true, 1],
    [408, 'DESTINATION_TIMEOUT', true, 4],
    [429, 'DESTINATION_UNREACHABLE', false, 4],
    [500, 'DESTINATION_UNREACHABLE', true, 4],
    [504, 'DESTINATION_TIMEOUT', true, 4],
  ] as const)('by %d at every turn ends as %s, touched: %j', async (status, code, touched, times) => {
    const server = await http.serve(() => answer(status, { location: 'http://127.0.0.1:1/elsewhere' }));
    const draft = await draftOf();
    const error: unknown = await draft.transfer(go).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('secret');
    expect(draft.destinationTouched).toBe(touched);
    expect(server.requests('PUT')).toHaveLength(times);
  });

  test('by a server that nobody has started is not touched', async () => {
    const server = await http.serve(rfc);
    const draft = await draftOf();
    await server.close();
    await expectCode(draft.transfer(go), 'DESTINATION_UNREACHABLE');
    expect(draft.destinationTouched).toBe(false);
  });

  test('by silence ends in time', async () => {
    await http.serve(() => () => true);
    const patience = { connectMillis: 1_000, silenceMillis: 100, requestMillis: 10_000 };
    const destination = http.destination({ limits: { ...QUICK, patience } });
    const draft = await destination.draft({ jobId: randomUUID(), fence: 1 }, go);
    await write(draft, ARCHIVE);
    await expectCode(draft.transfer(go), 'DESTINATION_TIMEOUT');
    expect(draft.destinationTouched).toBe(true);
  });

  test('by an abort stops at once with its reason', async () => {
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const server = await http.serve(() => () => {
      abort.abort(reason);
      return true;
    });
    const draft = await draftOf();
    await expect(draft.transfer(abort.signal)).rejects.toBe(reason);
    expect(draft.destinationTouched).toBe(true);
    expect(server.requests('PUT')).toHaveLength(1);
    await draft.discard();
    expect(await http.spooled()).toEqual([]);
  });
});
