import { randomBytes, randomUUID } from 'node:crypto';
import { appendFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeEach, expect, test } from '@jest/globals';

import { expectBytes, expectCode, go, readAll, sha256, write } from '../contract/place-under-test.contract.js';
import type { AttemptId } from '../destination.js';
import { httpUnderTest, QUICK } from './http-under-test.contract.js';
import { rfc } from './servers/behaviours.contract.js';
import { answer } from './servers/test-server.contract.js';

const ARCHIVE = randomBytes(1_500_000);
const CHUNKS = 8;
const http = httpUnderTest();
let first: AttemptId;
let second: AttemptId;

beforeEach(() => {
  const jobId = randomUUID();
  first = { jobId, fence: 1 };
  second = { jobId, fence: 2 };
});

/** An attempt that sends so many chunks and is then gone, as if its process had been killed. Resolves with its temp. */
async function diesAfter(chunks: number, limits = QUICK): Promise<string> {
  const server = await http.serve(rfc);
  let left = chunks;
  server.scripted.push((request, response) =>
    request.method === 'PUT' && left-- <= 0 ? answer(403)(request, response) : false,
  );
  const draft = await http.destination({ limits: { ...limits, inFlight: 1 } }).draft(first, go);
  await write(draft, ARCHIVE);
  await expectCode(draft.transfer(go), 'DESTINATION_REFUSED');
  server.scripted.length = 0;
  server.seen.length = 0;
  return draft.temp;
}

test('a later attempt goes on behind the last chunk that was acknowledged', async () => {
  const temp = await diesAfter(5);
  const destination = http.destination();
  const draft = await destination.takeUp(second, go);
  expect(draft?.temp).not.toBe(temp);
  expect(draft?.destinationTouched).toBe(true);
  expect(await draft?.seal()).toEqual({ temp: draft?.temp, bytes: ARCHIVE.length, sha256: sha256(ARCHIVE) });
  const moved: number[] = [];
  await draft?.transfer(go, (bytes) => moved.push(bytes));
  expect(http.server.requests('PUT')).toHaveLength(CHUNKS - 5);
  expect(moved[0]).toBe(5 * 200_000);
  expect(moved.reduce((sum, bytes) => sum + bytes, 0)).toBe(ARCHIVE.length);
  expectBytes(draft && (await readAll(await draft.open(go))), ARCHIVE);
  await destination.finish((await draft?.seal())!, second, go);
  expectBytes(http.server.content, ARCHIVE);
  expect(await http.spooled()).toEqual([]);
});

test('it goes on by the chunks of the attempt that began', async () => {
  await diesAfter(2, { ...QUICK, chunkBytes: 500_000 });
  const draft = await http.destination().takeUp(second, go);
  await draft?.transfer(go);
  expect(http.server.requests('PUT').map(({ headers }) => headers['content-range'])).toEqual([
    'bytes 1000000-1499999/1500000',
  ]);
});

test('a line of the record that was being written does not count', async () => {
  const temp = await diesAfter(5);
  await appendFile(join(http.spool, `${temp}.sent`), 'chunk 6');
  const draft = await http.destination().takeUp(second, go);
  await draft?.transfer(go);
  expect(http.server.requests('PUT')).toHaveLength(CHUNKS - 5);
  expectBytes(http.server.content, ARCHIVE);
});

test('nor does it make another number of the next one', async () => {
  const limits = { ...QUICK, inFlight: 1, chunkBytes: 100_000 };
  const temp = await diesAfter(2, limits);
  const record = join(http.spool, `${temp}.sent`);
  await truncate(record, (await stat(record)).size - '\n'.length);
  const takenUp = await http.destination({ limits }).takeUp(second, go);
  http.server.scripted.push((request, response) =>
    request.headers['content-range'] === 'bytes 200000-299999/1500000' ? answer(403)(request, response) : false,
  );
  await expectCode(takenUp!.transfer(go), 'DESTINATION_REFUSED');
  http.server.scripted.length = 0;
  http.server.seen.length = 0;
  const draft = await http.destination({ limits }).takeUp({ ...second, fence: 3 }, go);
  await draft?.transfer(go);
  expect(http.server.requests('PUT')).toHaveLength(14);
  expectBytes(http.server.content, ARCHIVE);
});

test('all of it is sent again where the destination has lost what it acknowledged', async () => {
  await diesAfter(7);
  http.server.content = undefined;
  http.server.scripted.push((request, response) => {
    if (request.method !== 'PUT' || http.server.requests('PUT').length > 1) return false;
    return answer(204)(request, response);
  });
  const draft = await http.destination().takeUp(second, go);
  await draft?.transfer(go);
  expect(http.server.requests('PUT')).toHaveLength(1 + CHUNKS);
  expectBytes(http.server.content, ARCHIVE);
});

test('an attempt that was taken over can neither finish nor begin again', async () => {
  const temp = await diesAfter(CHUNKS - 1);
  const destination = http.destination();
  await http.destination().takeUp(second, go);
  const sealed = { temp, bytes: ARCHIVE.length, sha256: sha256(ARCHIVE) };
  await expectCode(destination.draft(first, go), 'DELIVERY_LOST');
  await expectCode(destination.finish(sealed, first, go), 'DELIVERY_LOST');
});

test.each(['shorter', 'as long'])('what has become %s in the spool is not taken up, and goes', async (kind) => {
  const temp = await diesAfter(3);
  if (kind === 'shorter') await truncate(join(http.spool, temp), 1_000_000);
  else await writeFile(join(http.spool, temp), randomBytes(ARCHIVE.length));
  expect(await http.destination().takeUp(second, go)).toBeUndefined();
  expect(await http.spooled()).toEqual([]);
});

test('what was written and never sent is not taken up; another job’s is left alone', async () => {
  const temp = await diesAfter(3);
  expect(await http.destination().takeUp({ jobId: randomUUID(), fence: 9 }, go)).toBeUndefined();
  expect(await http.spooled()).toEqual([temp, `${temp}.sent`]);
  const other = { jobId: randomUUID(), fence: 1 };
  const draft = await http.destination().draft(other, go);
  await write(draft, ARCHIVE);
  await draft.seal();
  expect(await http.destination().takeUp({ ...other, fence: 2 }, go)).toBeUndefined();
});

test('a new draft of the job, and a sweep, remove archive and record', async () => {
  await diesAfter(3);
  const draft = await http.destination().draft(second, go);
  expect(await http.spooled()).toEqual([draft.temp]);
  await http.destination().sweep(second, go);
  expect(await http.spooled()).toEqual([]);
});
