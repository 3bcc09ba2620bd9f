import { randomBytes } from 'node:crypto';
import { lstat, open, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { systemClock } from '@tidemark/platform';
import { answerOf, isSame, refusalOf, TestDepot, type Answer } from './depot.fixture.test.js';

/** What comes to the depot: whole and in pieces, in any order, again, and broken off. */
const WHOLE = randomBytes(1_000_003);
const PIECE = 100_000;
const PIECES = Array.from({ length: 11 }, (_, n) => ({
  start: n * PIECE,
  end: Math.min(WHOLE.length, (n + 1) * PIECE),
}));
const MIXED = [10, 3, 7, 0, 5, 1, 9, 2, 8, 6, 4].map((n) => PIECES[n]!);

let depot: TestDepot;
beforeEach(async () => {
  depot = await TestDepot.start();
});
afterEach(() => depot.close());

const covered = ({ headers }: Answer): unknown => headers['x-tidemark-covered'];

describe('an archive in one piece', () => {
  test('is there with its tag, and replaced by the next one', async () => {
    const first = await depot.put('a.zip', WHOLE);
    expect(first).toMatchObject({ status: 201, headers: { etag: expect.stringMatching(/^"[\w-]+"$/) } });
    expect(first.body).toHaveLength(0);
    expect(isSame(await depot.content('a.zip'), WHOLE)).toBe(true);
    const second = await depot.put('a.zip', WHOLE.subarray(0, 10));
    expect(second.status).toBe(204);
    expect(second.headers.etag).not.toBe(first.headers.etag);
    expect(isSame(await depot.content('a.zip'), WHOLE.subarray(0, 10))).toBe(true);
  });

  test('need not say how long it is, and may be of any type, or of nothing', async () => {
    for (const headers of [
      {},
      { 'content-type': 'text/html' },
      { 'content-type': 'application/x-www-form-urlencoded' },
    ]) {
      const sent = depot.open('a.zip', { method: 'PUT', headers });
      for (const { start, end } of PIECES) sent.write(WHOLE.subarray(start, end));
      sent.end();
      expect([201, 204]).toContain((await answerOf(sent)).status);
      expect(isSame(await depot.content('a.zip'), WHOLE)).toBe(true);
    }
    expect((await depot.put('empty', '')).status).toBe(201);
    expect(await depot.content('empty')).toHaveLength(0);
  });

  test('that breaks off leaves nothing, and the old one is there', async () => {
    await depot.put('a.zip', 'old');
    for (const headers of [{ 'content-length': '1000' }, {}]) {
      const sent = depot.open('a.zip', { method: 'PUT', headers });
      sent.on('error', () => undefined);
      await new Promise((resolve) => sent.write(WHOLE.subarray(0, 500), resolve));
      expect(await untilLeftovers(1)).toEqual(['.part']);
      sent.destroy();
      expect(await untilLeftovers(0)).toEqual([]);
    }
    expect(String(await depot.content('a.zip'))).toBe('old');
  });

  test('is for its owner alone', async () => {
    await depot.put('a.zip', 'x');
    expect((await lstat(join(depot.folder, 'a.zip'))).mode & 0o777).toBe(0o600);
    expect((await lstat(depot.folder)).mode & 0o777).toBe(0o700);
  });
});

describe('an archive in pieces', () => {
  test('is there once every byte has come, in whatever order, and the old one until then', async () => {
    await depot.put('a.zip', 'old');
    for (const piece of MIXED.slice(0, -1)) {
      expect(await depot.putPiece('a.zip', WHOLE, piece)).toMatchObject({ status: 202 });
      expect(String(await depot.content('a.zip'))).toBe('old');
    }
    const last = await depot.putPiece('a.zip', WHOLE, MIXED.at(-1)!);
    expect(last.status).toBe(204);
    expect(covered(last)).toBe(`bytes 0-1000002/1000003`);
    expect(isSame(await depot.content('a.zip'), WHOLE)).toBe(true);
    expect(await depot.leftovers()).toEqual([]);
    expect((await depot.call('a.zip', { method: 'HEAD' })).headers.etag).toBe(last.headers.etag);
  });

  test('may come over many connections at once, each piece several times', async () => {
    const thrice = [...MIXED, ...PIECES, ...MIXED];
    const headers = { 'x-tidemark-upload': 'job-1.2' };
    const answers = await Promise.all(thrice.map((piece) => depot.putPiece('a.zip', WHOLE, { ...piece, headers })));
    for (const { status } of answers) expect([200, 201, 202]).toContain(status);
    expect(answers.some(({ status }) => status === 201)).toBe(true);
    expect(isSame(await depot.content('a.zip'), WHOLE)).toBe(true);
  });

  test('tells what has come so far', async () => {
    const [first, second, third] = PIECES as [(typeof PIECES)[0], (typeof PIECES)[0], (typeof PIECES)[0]];
    expect(covered(await depot.putPiece('a.zip', WHOLE, third))).toBe('bytes 200000-299999/1000003');
    expect(covered(await depot.putPiece('a.zip', WHOLE, first))).toBe('bytes 0-99999,200000-299999/1000003');
    expect(covered(await depot.putPiece('a.zip', WHOLE, second))).toBe('bytes 0-299999/1000003');
    expect((await depot.list()).uploads).toEqual([
      { name: 'a.zip', totalBytes: 1_000_003, coveredBytes: 300_000, touchedAtMicros: expect.any(Number) },
    ]);
  });

  test('that overlap are taken, and one that came before is answered with 200', async () => {
    await depot.putPiece('a.zip', WHOLE, { start: 100_000, end: 300_000 });
    expect((await depot.putPiece('a.zip', WHOLE, { start: 150_000, end: 250_000 })).status).toBe(200);
    expect((await depot.putPiece('a.zip', WHOLE, { start: 50_000, end: 400_001 })).status).toBe(202);
    expect((await depot.putPiece('a.zip', WHOLE, { start: 0, end: 1_000_003 })).status).toBe(201);
    expect(isSame(await depot.content('a.zip'), WHOLE)).toBe(true);
  });

  test('of which one breaks off: it counts for nothing', async () => {
    await depot.putPiece('a.zip', WHOLE, { start: 500_000, end: WHOLE.length });
    const headers = { 'content-range': 'bytes 0-499999/1000003', 'content-length': '500000' };
    const sent = depot.open('a.zip', { method: 'PUT', headers }).on('error', () => undefined);
    sent.write(Buffer.alloc(499_999, 'x'));
    while ((await depot.received()) < WHOLE.length - 1);
    sent.destroy();
    const again = await depot.putPiece('a.zip', WHOLE, { start: 0, end: 400_000 });
    expect(covered(again)).toBe('bytes 0-399999,500000-1000002/1000003');
    await depot.putPiece('a.zip', WHOLE, { start: 400_000, end: 500_000 });
    expect(isSame(await depot.content('a.zip'), WHOLE)).toBe(true);
  });

  test('without a length of the body: its end decides, and must be one of the two', async () => {
    const sendOpen = async (range: string, body: Buffer): Promise<Answer> => {
      const headers = { 'content-range': range, 'transfer-encoding': 'chunked' };
      const sent = depot.open('a.zip', { method: 'PUT', headers });
      sent.end(body);
      return await answerOf(sent);
    };
    const ten = Buffer.from('0123456789');
    expect(refusalOf(await sendOpen('bytes 0-4/10', ten.subarray(0, 3))).code).toBe('REQUEST_MALFORMED');
    expect(refusalOf(await sendOpen('bytes 0-4/10', ten.subarray(0, 6))).code).toBe('REQUEST_MALFORMED');
    expect(covered(await sendOpen('bytes 0-4/10', ten.subarray(0, 4)))).toBe('bytes 0-3/10');
    expect(covered(await sendOpen('bytes 3-5/10', ten.subarray(3, 6)))).toBe('bytes 0-5/10');
    expect((await sendOpen('bytes 6-10/10', ten.subarray(6))).status).toBe(201);
    expect(isSame(await depot.content('a.zip'), ten)).toBe(true);
  });

  test('of another length starts over, shorter than the one before or longer', async () => {
    for (const whole of [WHOLE, WHOLE.subarray(0, 300_000), Buffer.concat([WHOLE, WHOLE])]) {
      await depot.putPiece('a.zip', whole, { start: 1000, end: whole.length });
      await depot.putPiece('a.zip', whole, { start: 0, end: 1000 });
      expect(isSame(await depot.content('a.zip'), whole)).toBe(true);
    }
  });

  test.each([
    'bytes */1000003',
    'bytes 0-9/*',
    'bytes 9-0/10',
    'bytes 0-11/10',
    '0-9/10',
    'bytes 0-9/10, bytes 0-9/10',
  ])('must say which one it is: %s', async (range) => {
    expect(refusalOf(await depot.put('a.zip', '0123456789', { 'content-range': range })).code).toBe(
      'PARAMETER_INVALID',
    );
    expect(await depot.leftovers()).toEqual([]);
  });

  test('of too many separate places is too much to remember', async () => {
    const whole = Buffer.alloc(5000, 'x');
    const odd = Array.from({ length: 1024 }, (_, n) => ({ start: 2 * n, end: 2 * n + 1 }));
    for (let at = 0; at < odd.length; at += 128) {
      await Promise.all(odd.slice(at, at + 128).map((piece) => depot.putPiece('a.zip', whole, piece)));
    }
    const over = { start: 4000, end: 4001 };
    expect(refusalOf(await depot.putPiece('a.zip', whole, over)).code).toBe('TOO_MANY_REQUESTS');
    expect((await depot.putPiece('a.zip', whole, { start: 0, end: 3000 })).status).toBe(202);
    expect((await depot.putPiece('a.zip', whole, over)).status).toBe(202);
  });
});

describe('a restart', () => {
  test('goes on with what had come', async () => {
    for (const piece of MIXED.slice(0, 6)) await depot.putPiece('a.zip', WHOLE, piece);
    await depot.restart();
    expect((await depot.list()).uploads).toMatchObject([{ coveredBytes: 6 * PIECE - PIECE + 3 }]);
    for (const piece of MIXED.slice(6)) await depot.putPiece('a.zip', WHOLE, piece);
    expect(isSame(await depot.content('a.zip'), WHOLE)).toBe(true);
  });

  test('keeps the tags of archives, and of uploads that are whole', async () => {
    const headers = { 'x-tidemark-upload': 'x' };
    const half = Math.floor(WHOLE.length / 2);
    await depot.putPiece('a.zip', WHOLE, { start: 0, end: half, headers });
    const { headers: whole } = await depot.putPiece('a.zip', WHOLE, { start: half, end: WHOLE.length, headers });
    await depot.restart();
    expect((await depot.call('a.zip')).headers.etag).toBe(whole.etag);
    const again = await depot.putPiece('a.zip', WHOLE, { start: half, end: WHOLE.length, headers });
    expect(again).toMatchObject({ status: 200, headers: { etag: whole.etag } });
    expect((await depot.list()).uploads).toEqual([]);
  });

  test('removes what is of no use: parts without records, records without parts, records that are none', async () => {
    const ids = [1, 2, 3, 4].map((n) => `.00000000-0000-4000-8000-00000000000${n}`);
    const record = { key: 'k', name: 'a.zip', total: 10, covered: [[0, 5]] };
    await writeFile(join(depot.folder, `${ids[0]!}.part`), 'abc');
    await writeFile(join(depot.folder, `${ids[1]!}.coverage`), JSON.stringify(record));
    await writeFile(join(depot.folder, `${ids[2]!}.coverage`), '{"key":');
    await writeFile(join(depot.folder, `${ids[2]!}.part`), 'abc');
    await writeFile(join(depot.folder, `${ids[3]!}.coverage`), JSON.stringify(record));
    await writeFile(join(depot.folder, `${ids[3]!}.part`), 'shorter');
    await writeFile(join(depot.folder, '.not-ours'), 'abc');
    await depot.restart();
    expect(await readdir(depot.folder)).toEqual(['.not-ours']);
  });
});

test('an upload that nobody goes on with is removed after a day, at the next start', async () => {
  const seen = new Set<string>();
  let touched = systemClock.nowMicros() / 1e6 - 25 * 3600;
  for (const name of ['old.zip', 'new.zip']) {
    await depot.putPiece(name, WHOLE, PIECES[0]!);
    for (const file of await readdir(depot.folder)) {
      if (!file.endsWith('.coverage') || seen.has(file)) continue;
      await utimes(join(depot.folder, file), touched, touched);
      seen.add(file);
    }
    touched += 2 * 3600;
  }
  await depot.restart();
  expect((await depot.list()).uploads).toMatchObject([{ name: 'new.zip' }]);
  expect(await depot.leftovers()).toHaveLength(2);
});

test('pieces behind 4 GiB are where they belong', async () => {
  const total = 2 ** 32 + 2 ** 31;
  for (const start of [2 ** 31 - 5, 2 ** 32 - 5, total - 10]) {
    const headers = { 'content-range': `bytes ${start}-${start + 9}/${total}` };
    expect((await depot.put('a.zip', '0123456789', headers)).status).toBe(202);
  }
  expect(covered(await depot.put('a.zip', 'x', { 'content-range': `bytes 0-0/${total}` }))).toBe(
    'bytes 0-0,2147483643-2147483652,4294967291-4294967300,6442450934-6442450943/6442450944',
  );
  const part = (await readdir(depot.folder)).find((file) => file.endsWith('.part'))!;
  const handle = await open(join(depot.folder, part));
  const { buffer: there } = await handle.read(Buffer.alloc(12), 0, 12, 2 ** 32 - 6);
  await handle.close();
  expect(there.toString('latin1')).toBe('\u00000123456789\u0000');
});

describe('a name', () => {
  test.each(['a', 'A-b_c.d~e+f=g@h,i', 'a/b/c.zip', 'a%2Dz', '_x', 'x'.repeat(240)])('%s is one', async (name) => {
    expect((await depot.put(name, name)).status).toBe(201);
    expect(String(await depot.content(name))).toBe(name);
    expect((await depot.list()).archives).toMatchObject([{ name: decodeURIComponent(name), bytes: name.length }]);
  });

  test.each([
    '.hidden',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a//b',
    'a/',
    '/a',
    '%2e%2e%2fa',
    'a%2Fb',
    'a%00',
    'a%5Cb',
    'a b'.replace(' ', '%20'),
    'a%25b',
    '%C3%A4',
    '-a',
    'x'.repeat(241),
    'a/'.repeat(61) + 'a',
  ])('%s is none', async (name) => {
    const answers = [await depot.put(name, 'x'), await depot.call(name), await depot.call(name, { method: 'DELETE' })];
    expect(answers.map((answer) => refusalOf(answer).code)).toEqual(Array(3).fill('LINK_INVALID'));
    expect(await readdir(depot.folder)).toEqual([]);
  });

  test('of a link or of a folder is no archive', async () => {
    const outside = await TestDepot.start();
    await writeFile(join(outside.folder, 'secret'), 'secret');
    await symlink(join(outside.folder, 'secret'), join(depot.folder, 'link'));
    await symlink(outside.folder, join(depot.folder, 'a'));
    for (const name of ['link', 'a', 'a/secret']) expect((await depot.call(name)).status).toBe(404);
    for (const name of ['link', 'a']) {
      expect(refusalOf(await depot.put(name, 'x')).code).toBe('LINK_INVALID');
      expect((await depot.call(name, { method: 'DELETE' })).status).toBe(404);
    }
    await depot.put('a/secret', 'mine');
    expect((await depot.list()).archives).toMatchObject([{ name: 'a/secret' }]);
    expect(await readdir(outside.folder)).toEqual(['secret']);
    await outside.close();
  });
});

async function untilLeftovers(count: number): Promise<string[]> {
  for (;;) {
    const found = await depot.leftovers();
    if (found.length === count) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
