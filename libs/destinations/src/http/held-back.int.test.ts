import { randomBytes, randomUUID } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { expectBytes, expectCode, go, write } from '../contract/place-under-test.contract.js';
import type { ArchiveDraft, AttemptId } from '../destination.js';
import { httpUnderTest, QUICK } from './http-under-test.contract.js';
import { ancestor, holdingBack, rfc } from './servers/behaviours.contract.js';
import { answer, type Behaviour, type TestServer } from './servers/test-server.contract.js';

/** What is told of the destination, and taken back, when an upload ends before it is whole. */
const ARCHIVE = randomBytes(2_000_000);
const OLD = Buffer.from('what was there before');
const CHUNKS = 10;
const http = httpUnderTest();

/** A draft whose upload has ended after so many chunks, by an answer to each PUT behind them. */
async function endedAfter(
  chunks: number,
  { by, behaviour = holdingBack }: { by: Behaviour; behaviour?: (server: TestServer) => Behaviour },
): Promise<{ draft: ArchiveDraft; attempt: AttemptId }> {
  const server = await http.serve(behaviour);
  server.content = OLD;
  let left = chunks;
  server.scripted.push((request, response) =>
    request.method === 'PUT' && left-- <= 0 ? by(request, response) : false,
  );
  const attempt = { jobId: randomUUID(), fence: 1 };
  const draft = await http.destination({ limits: { ...QUICK, inFlight: 2 } }).draft(attempt, go);
  await write(draft, ARCHIVE);
  await expect(draft.transfer(go)).rejects.toThrow();
  server.scripted.length = 0;
  return { draft, attempt };
}

describe('a server that keeps the old archive until the last byte has come', () => {
  test('is not touched by an upload that fails on its way, and forgets it when it is given up', async () => {
    const { draft } = await endedAfter(4, { by: answer(503) });
    expect([draft.destinationTouched, draft.isUnderWay]).toEqual([false, true]);
    await draft.discard();
    const deletes = http.server.requests('DELETE');
    expect(deletes).toHaveLength(1);
    expect(deletes[0]?.headers['x-tidemark-upload']).toBe((await draft.seal()).sha256);
    expect(draft.destinationTouched).toBe(false);
    expectBytes(http.server.content, OLD);
    expect(await http.spooled()).toEqual([]);
    await draft.discard();
    expect(http.server.requests('DELETE')).toHaveLength(1);
  });

  test('may have been touched where the last chunks were on their way, until it says that it was not', async () => {
    const { draft } = await endedAfter(CHUNKS - 1, { by: answer(503) });
    expect(draft.destinationTouched).toBe(true);
    await draft.discard();
    expect(draft.destinationTouched).toBe(false);
    expectBytes(http.server.content, OLD);
  });

  test('that does not answer any more is believed to remove it by itself', async () => {
    const { draft } = await endedAfter(4, { by: answer(503) });
    http.server.script('DELETE', (_, response) => void response.destroy());
    await draft.discard();
    expect(draft.destinationTouched).toBe(false);
    expect(await http.spooled()).toEqual([]);
  });

  test('is known as one by the next attempt, which takes it up, and has the new archive when it is whole', async () => {
    const { attempt } = await endedAfter(4, { by: answer(503) });
    const next = { ...attempt, fence: 2 };
    const destination = http.destination();
    const draft = await destination.takeUp(next, go);
    expect([draft?.destinationTouched, draft?.isUnderWay]).toEqual([false, true]);
    await draft?.transfer(go);
    expect(draft?.destinationTouched).toBe(true);
    await destination.finish((await draft?.seal())!, next, go);
    expectBytes(http.server.content, ARCHIVE);
    await draft?.discard();
    expect(http.server.requests('DELETE')).toEqual([]);
  });
});

describe('another server', () => {
  test('has been touched, and nothing is deleted there', async () => {
    const { draft } = await endedAfter(4, { by: answer(503), behaviour: rfc });
    expect([draft.destinationTouched, draft.isUnderWay]).toEqual([true, true]);
    await draft.discard();
    expect(draft.destinationTouched).toBe(true);
    expect(http.server.requests('DELETE')).toEqual([]);
  });

  test('that takes nothing leaves nothing to go on with', async () => {
    const { draft } = await endedAfter(0, { by: answer(403), behaviour: rfc });
    expect([draft.destinationTouched, draft.isUnderWay]).toEqual([false, false]);
  });
});

describe('what an earlier attempt had on its way', () => {
  const LONG_MILLIS = 3_600_000;
  const draftOf = async (notBeforeMillis: number): Promise<ArchiveDraft> => {
    const draft = await http.destination({ notBeforeMillis }).draft({ jobId: randomUUID(), fence: 2 }, go);
    await write(draft, OLD);
    return draft;
  };

  test('is waited for before a new archive is sent', async () => {
    await http.serve(rfc);
    const notBefore = performance.now() + 500;
    const draft = await draftOf(notBefore);
    await draft.transfer(go);
    expect(performance.now()).toBeGreaterThanOrEqual(notBefore - 1);
    expectBytes(http.server.content, OLD);
  });

  test('is waited for no longer when that is cancelled', async () => {
    await http.serve(rfc);
    const draft = await draftOf(performance.now() + LONG_MILLIS);
    await expect(draft.transfer(AbortSignal.timeout(20))).rejects.toThrow();
    expect(http.server.seen).toEqual([]);
  });

  test('is not waited for where the same bytes are sent on', async () => {
    const { attempt } = await endedAfter(4, { by: answer(503), behaviour: rfc });
    const destination = http.destination({ notBeforeMillis: performance.now() + LONG_MILLIS });
    const draft = await destination.takeUp({ ...attempt, fence: 2 }, go);
    await draft?.transfer(go);
    expectBytes(http.server.content, ARCHIVE);
  });
});

test('a finish by who has sent the archive does not read it again, though its server tells no ETag', async () => {
  const server = await http.serve(ancestor);
  const destination = http.destination();
  const attempt = { jobId: randomUUID(), fence: 1 };
  const draft = await destination.draft(attempt, go);
  await write(draft, ARCHIVE);
  await draft.transfer(go);
  const before = server.requests('GET').length;
  await destination.finish(await draft.seal(), attempt, go);
  const asked = server.requests('GET').slice(before);
  expect(asked.map(({ headers }) => headers.range)).toEqual(['bytes=0-1']);
  server.content = randomBytes(ARCHIVE.length - 1);
  await expectCode(destination.finish(await draft.seal(), attempt, go), 'DELIVERY_LOST');
});
