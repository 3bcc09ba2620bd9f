import { randomBytes } from 'node:crypto';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { answerOf, isSame, refusalOf, TestDepot, type Answer } from './depot.fixture.test.js';

/** Attempts of one job: an earlier one that wakes up changes nothing any more. */
const SIZE = 300_000;
const THIRD = SIZE / 3;
const EARLIER = randomBytes(SIZE);
const LATER = randomBytes(SIZE);

let depot: TestDepot;
beforeEach(async () => {
  depot = await TestDepot.start();
});
afterEach(() => depot.close());

const of = (attempt: string, upload: string): Record<string, string> => ({
  'x-tidemark-attempt': attempt,
  'x-tidemark-upload': upload,
});
const put = async (whole: Buffer, third: number, headers: Record<string, string>): Promise<Answer> =>
  await depot.putPiece('a.zip', whole, { start: third * THIRD, end: (third + 1) * THIRD, headers });
const first = of('job.1', 'earlier');
const second = of('job.2', 'later');

test('the first piece of a later attempt ends what an earlier one has sent, and its pieces are refused', async () => {
  await put(EARLIER, 0, first);
  await put(EARLIER, 1, first);
  expect((await put(LATER, 0, second)).status).toBe(202);
  expect((await depot.list()).uploads).toMatchObject([{ upload: 'later' }]);
  expect(refusalOf(await put(EARLIER, 2, first)).code).toBe('UPLOAD_CONFLICT');
  for (const third of [1, 2]) await put(LATER, third, second);
  expect(isSame(await depot.content('a.zip'), LATER)).toBe(true);
  expect(await depot.leftovers()).toEqual(['.coverage']);
});

test('it is so after a restart too, and when the later archive is whole', async () => {
  for (const third of [0, 1, 2]) await put(LATER, third, second);
  await depot.restart();
  for (const third of [0, 1, 2]) expect(refusalOf(await put(EARLIER, third, first)).code).toBe('UPLOAD_CONFLICT');
  expect(isSame(await depot.content('a.zip'), LATER)).toBe(true);
});

test('a last piece that is on its way when the later attempt begins is refused', async () => {
  await put(EARLIER, 0, first);
  await put(EARLIER, 1, first);
  const headers = { ...first, 'content-range': `bytes ${2 * THIRD}-${SIZE - 1}/${SIZE}`, 'content-length': THIRD };
  const last = depot.open('a.zip', { method: 'PUT', headers: headers as never });
  const before = await depot.received();
  last.write(EARLIER.subarray(2 * THIRD, SIZE - 1));
  while ((await depot.received()) === before);
  expect((await put(LATER, 0, second)).status).toBe(202);
  last.end(EARLIER.subarray(SIZE - 1));
  expect(refusalOf(await answerOf(last)).code).toBe('UPLOAD_CONFLICT');
  expect(await depot.content('a.zip')).toBeUndefined();
});

test('a later attempt goes on with the same upload, and the earlier one no longer', async () => {
  await put(EARLIER, 0, first);
  const next = of('job.2', 'earlier');
  expect((await put(EARLIER, 1, next)).status).toBe(202);
  expect(refusalOf(await put(EARLIER, 2, first)).code).toBe('UPLOAD_CONFLICT');
  await depot.restart();
  expect(refusalOf(await put(EARLIER, 2, first)).code).toBe('UPLOAD_CONFLICT');
  expect((await put(EARLIER, 2, next)).status).toBe(201);
  expect(isSame(await depot.content('a.zip'), EARLIER)).toBe(true);
});

test('an attempt that has deleted its upload sends no more of it; the next one may', async () => {
  await put(EARLIER, 0, first);
  const remove = async (headers: Record<string, string>): Promise<Answer> =>
    await depot.call('a.zip', { method: 'DELETE', headers });
  expect((await remove(first)).status).toBe(204);
  expect(refusalOf(await put(EARLIER, 1, first)).code).toBe('UPLOAD_CONFLICT');
  expect(await depot.list()).toEqual({ archives: [], uploads: [] });
  expect((await put(EARLIER, 0, of('job.2', 'earlier'))).status).toBe(202);
  expect(refusalOf(await remove(first)).code).toBe('UPLOAD_CONFLICT');
  expect((await depot.list()).uploads).toHaveLength(1);
});

test('other jobs, other archives and senders that say nothing are not concerned', async () => {
  await put(LATER, 0, second);
  expect((await put(EARLIER, 0, of('other-job.1', 'x'))).status).toBe(202);
  expect((await put(EARLIER, 0, { 'x-tidemark-upload': 'y' })).status).toBe(202);
  const piece = { start: 0, end: THIRD, headers: first };
  expect((await depot.putPiece('b.zip', EARLIER, piece)).status).toBe(202);
});

test('what is forgotten after a day does not pile up', async () => {
  await put(LATER, 0, second);
  depot.aheadMillis = 25 * 60 * 60_000;
  await depot.restart();
  expect((await depot.list()).uploads).toEqual([]);
  expect((await put(EARLIER, 0, first)).status).toBe(202);
});

test.each(['job', 'job.', '.1', 'job.-1', 'a/b.1', `${'x'.repeat(129)}.1`])('no attempt is "%s"', async (attempt) => {
  expect(refusalOf(await put(EARLIER, 0, of(attempt, 'x'))).code).toBe('PARAMETER_INVALID');
});
