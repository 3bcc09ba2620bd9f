import { randomBytes } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { answerOf, isSame, refusalOf, TestDepot, type Answer } from './depot.fixture.test.js';

/** Several senders of one name: what is visible is of one of them, whole. */
const SIZE = 300_000;
const ONE = randomBytes(SIZE);
const OTHER = randomBytes(SIZE);
const THIRD = SIZE / 3;

let depot: TestDepot;
beforeEach(async () => {
  depot = await TestDepot.start();
});
afterEach(() => depot.close());

const put = async (whole: Buffer, third: number, headers: Record<string, string> = {}): Promise<Answer> =>
  await depot.putPiece('a.zip', whole, { start: third * THIRD, end: (third + 1) * THIRD, headers });
const named = (upload: string): Record<string, string> => ({ 'x-tidemark-upload': upload });

describe('uploads with names', () => {
  test('stay apart, and each takes the place of the one before', async () => {
    for (const third of [0, 1]) {
      expect((await put(ONE, third, named('one'))).status).toBe(202);
      expect((await put(OTHER, 2 - third, named('other'))).status).toBe(202);
    }
    expect((await depot.list()).uploads).toMatchObject([{ upload: 'one' }, { upload: 'other' }]);
    expect((await put(OTHER, 0, named('other'))).status).toBe(201);
    expect(isSame(await depot.content('a.zip'), OTHER)).toBe(true);
    expect((await put(ONE, 2, named('one'))).status).toBe(204);
    expect(isSame(await depot.content('a.zip'), ONE)).toBe(true);
  });

  test('at once end with one of them', async () => {
    const orders = [0, 1, 2, 2, 1, 0];
    const answers = await Promise.all(
      orders.flatMap((third) => [put(ONE, third, named('one')), put(OTHER, third, named('other'))]),
    );
    for (const { status } of answers) expect([200, 201, 202, 204]).toContain(status);
    const content = await depot.content('a.zip');
    expect(isSame(content, ONE) || isSame(content, OTHER)).toBe(true);
    // The second of two equal pieces begins anew where the other upload has taken the archive's place in between.
    expect((await depot.list()).uploads.length).toBeLessThanOrEqual(1);
  });

  test('know a piece that is sent again when they are whole, and none that is another', async () => {
    for (const third of [0, 1]) await put(ONE, third, named('one'));
    const { headers } = await put(ONE, 2, named('one'));
    expect(await put(ONE, 1, named('one'))).toMatchObject({ status: 200, headers: { etag: headers.etag } });
    expect(refusalOf(await put(OTHER, 1, named('one'))).code).toBe('UPLOAD_CONFLICT');
    expect(isSame(await depot.content('a.zip'), ONE)).toBe(true);
    await depot.call('a.zip', { method: 'DELETE' });
    expect((await put(OTHER, 1, named('one'))).status).toBe(202);
  });

  test('can be removed by them, and the archive stays', async () => {
    await depot.put('a.zip', 'old');
    await put(ONE, 0, named('one'));
    await put(OTHER, 0, named('other'));
    const remove = async (): Promise<Answer> => await depot.call('a.zip', { method: 'DELETE', headers: named('one') });
    expect((await remove()).status).toBe(204);
    expect(refusalOf(await remove()).code).toBe('NOT_FOUND');
    expect((await depot.list()).uploads).toMatchObject([{ upload: 'other' }]);
    expect(String(await depot.content('a.zip'))).toBe('old');
    expect((await depot.call('a.zip', { method: 'DELETE' })).status).toBe(204);
    expect(await depot.list()).toEqual({ archives: [], uploads: [] });
    expect(await depot.leftovers()).toEqual([]);
    expect(refusalOf(await depot.call('a.zip', { method: 'DELETE' })).code).toBe('NOT_FOUND');
  });

  test.each(['', 'a b', 'x'.repeat(129), 'a/b'])('have no name like "%s"', async (upload) => {
    expect(refusalOf(await put(ONE, 0, named(upload))).code).toBe('PARAMETER_INVALID');
  });

  test('removed while a piece is on its way: that one is refused', async () => {
    const headers = {
      ...named('one'),
      'content-range': `bytes 0-${THIRD - 1}/${SIZE}`,
      'content-length': String(THIRD),
    };
    const sent = depot.open('a.zip', { method: 'PUT', headers });
    sent.write(ONE.subarray(0, 1000));
    while ((await depot.received()) < 1000);
    await depot.call('a.zip', { method: 'DELETE', headers: named('one') });
    sent.end(ONE.subarray(1000, THIRD));
    expect(refusalOf(await answerOf(sent)).code).toBe('UPLOAD_CONFLICT');
    expect(await depot.leftovers()).toEqual([]);
  });
});

describe('uploads without names', () => {
  test('with other bytes in the same place are refused, and begin again', async () => {
    await depot.put('a.zip', 'old');
    await put(ONE, 0);
    await put(ONE, 1);
    expect(refusalOf(await put(OTHER, 1)).code).toBe('UPLOAD_CONFLICT');
    expect(await depot.list()).toMatchObject({ archives: [{ bytes: 3 }], uploads: [] });
    for (const third of [2, 1, 0]) await put(OTHER, third);
    expect(isSame(await depot.content('a.zip'), OTHER)).toBe(true);
  });

  test('of one length are told apart by who sends them', async () => {
    const agents = [{ 'user-agent': 'ServiceHost/1' }, { 'user-agent': 'ServiceHost/2' }] as const;
    for (const third of [0, 1]) await put(ONE, third, agents[0]);
    expect((await put(OTHER, 2, agents[1])).status).toBe(202);
    expect(await depot.content('a.zip')).toBeUndefined();
    await put(ONE, 2, agents[0]);
    expect(isSame(await depot.content('a.zip'), ONE)).toBe(true);
  });

  test('start over where nothing came for two minutes', async () => {
    for (const third of [0, 1]) await put(ONE, third);
    depot.aheadMillis += 121_000;
    expect((await put(OTHER, 2)).status).toBe(202);
    expect(await depot.content('a.zip')).toBeUndefined();
    for (const third of [0, 1]) await put(OTHER, third);
    expect(isSame(await depot.content('a.zip'), OTHER)).toBe(true);
  });

  test('go on within two minutes', async () => {
    for (const third of [0, 1]) await put(ONE, third);
    depot.aheadMillis += 100_000;
    expect((await put(ONE, 2)).status).toBe(201);
  });
});

test('two pieces of one place at once: the second is held against the first', async () => {
  const headers = { 'content-range': `bytes 0-${THIRD - 1}/${SIZE}`, 'content-length': String(THIRD) };
  const first = depot.open('a.zip', { method: 'PUT', headers });
  first.write(ONE.subarray(0, 1000));
  while ((await depot.received()) < 1000);
  const second = put(OTHER, 0);
  first.end(ONE.subarray(1000, THIRD));
  const statuses = [(await answerOf(first)).status, (await second).status].sort();
  expect(statuses).toEqual([202, 409]);
});

describe('conditions', () => {
  test('an archive is only replaced as the caller knows it', async () => {
    const none = { 'if-none-match': '*' };
    const { headers } = await depot.put('a.zip', 'one', none);
    expect(refusalOf(await depot.put('a.zip', 'two', none)).code).toBe('VERSION_MISMATCH');
    expect(refusalOf(await depot.put('a.zip', 'two', { 'if-match': '"x"' })).code).toBe('VERSION_MISMATCH');
    expect((await depot.put('a.zip', 'two', { 'if-match': `"x", ${headers.etag!}` })).status).toBe(204);
    expect(refusalOf(await depot.put('a.zip', 'six', { 'if-match': headers.etag! })).code).toBe('VERSION_MISMATCH');
    const remove = { method: 'DELETE', headers: { 'if-match': headers.etag! } };
    expect(refusalOf(await depot.call('a.zip', remove)).code).toBe('VERSION_MISMATCH');
    expect(String(await depot.content('a.zip'))).toBe('two');
  });

  test('of two that may only create, at once, one does', async () => {
    const many = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => await depot.put('a.zip', String(n), { 'if-none-match': '*' })),
    );
    expect(many.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(412)]);
    expect(await depot.leftovers()).toEqual([]);
  });

  test('hold where the last piece completes an upload, which can be completed without', async () => {
    const none = { ...named('one'), 'if-none-match': '*' };
    await put(ONE, 0, none);
    await put(ONE, 1, none);
    const headers = { ...none, 'content-range': `bytes 200000-299999/${SIZE}`, 'content-length': String(THIRD) };
    const last = depot.open('a.zip', { method: 'PUT', headers });
    last.write(ONE.subarray(2 * THIRD, 2 * THIRD + 1000));
    while ((await depot.received()) < 2 * THIRD + 1000);
    await depot.put('a.zip', 'in between');
    last.end(ONE.subarray(2 * THIRD + 1000));
    expect(refusalOf(await answerOf(last)).code).toBe('VERSION_MISMATCH');
    expect(String(await depot.content('a.zip'))).toBe('in between');
    await depot.restart();
    expect((await put(ONE, 2, named('one'))).status).toBe(204);
    expect(isSame(await depot.content('a.zip'), ONE)).toBe(true);
  });
});
