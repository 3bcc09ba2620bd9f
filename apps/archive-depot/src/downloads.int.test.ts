import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { fileNameOf } from './archives/archive-name.js';
import { answerOf, isSame, refusalOf, TestDepot, type Answer } from './depot.fixture.test.js';

/** What the depot hands out, to clients that speak RFC 9110. */
const WHOLE = randomBytes(1_000_003);

let depot: TestDepot;
let etag: string;
beforeAll(async () => {
  depot = await TestDepot.start({ limits: { headerBytes: 8000 } });
  etag = (await depot.put('a.zip', WHOLE)).headers.etag!;
});
afterAll(() => depot.close());

const get = async (headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
  await depot.call('a.zip', { method, headers });

test('all of it, with what it is', async () => {
  const { status, headers, body } = await get();
  expect(status).toBe(200);
  expect(isSame(body, WHOLE)).toBe(true);
  expect(headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-length': '1000003',
    'accept-ranges': 'bytes',
    etag,
    'last-modified': expect.stringMatching(/GMT$/),
  });
  expect(headers['content-range']).toBeUndefined();
});

describe('a range', () => {
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=999999-2000000', 999_999, 1_000_003],
    ['bytes=500000-', 500_000, 1_000_003],
    ['bytes=-65557', 934_446, 1_000_003],
    ['bytes=100-700000', 100, 700_001],
  ])('%s', async (range, start, end) => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await get({ range }, method);
      expect(status).toBe(206);
      expect(headers).toMatchObject({
        'content-range': `bytes ${start}-${end - 1}/1000003`,
        'content-length': String(end - start),
        'content-type': 'application/octet-stream',
        etag,
      });
      expect(isSame(body, method === 'GET' ? WHOLE.subarray(start, end) : Buffer.alloc(0))).toBe(true);
    }
  });

  test.each(['bytes=0-1,5-6', 'bytes=5-3', 'lines=0-5', 'bytes=x'])('%s is all of it', async (range) => {
    expect(await get({ range })).toMatchObject({ status: 200, body: WHOLE });
  });

  test.each(['bytes=1000003-', 'bytes=-0', 'bytes=99999999999999999999-'])('%s is not there', async (range) => {
    const answer = await get({ range });
    expect(refusalOf(answer).code).toBe('RANGE_UNSATISFIABLE');
    expect(answer.headers['content-range']).toBe('bytes */1000003');
  });

  test('of another archive than the caller knows is all of it', async () => {
    const range = 'bytes=0-9';
    expect((await get({ range, 'if-range': etag })).status).toBe(206);
    for (const other of ['"x"', `W/${etag}`, 'Mon, 23 Nov 2026 07:00:00 GMT']) {
      expect((await get({ range, 'if-range': other })).status).toBe(200);
    }
  });
});

describe('conditions', () => {
  test.each([
    [{ 'if-none-match': 'ETAG' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x", W/ETAG' }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-match': 'ETAG' }, 200],
    [{ 'if-match': '"x", ETAG' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': 'W/ETAG' }, 412],
  ])('%j is answered with %d', async (headers, status) => {
    const given = Object.entries(headers).map(([name, value]) => [name, value.replace('ETAG', etag)]);
    const answer = await get(Object.fromEntries(given) as Record<string, string>);
    expect(answer.status).toBe(status);
    if (status === 304) expect([answer.headers.etag, answer.body.length]).toEqual([etag, 0]);
  });

  test('each archive has a tag of its own, the same bytes too', async () => {
    const tags = new Set<unknown>();
    for (let n = 0; n < 20; n++) {
      tags.add((await depot.put('same', 'x')).headers.etag);
      if (n % 2 === 0) await depot.call('same', { method: 'DELETE' });
    }
    expect(tags.size).toBe(20);
  });
});

test('what is read stays the archive that it was, whatever takes its place', async () => {
  const large = Buffer.alloc(20_000_000, 'a');
  await depot.put('large', large);
  const sent = depot.open('large', {});
  sent.end();
  const [answer] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
  await depot.put('large', 'b');
  await depot.call('large', { method: 'DELETE' });
  expect(await text(answer)).toBe(large.toString());
});

test('a list of what is there, page by page', async () => {
  const names = Array.from({ length: 1003 }, (_, n) => `list/${String(n).padStart(4, '0')}`);
  for (const name of names) await writeFile(join(depot.folder, fileNameOf(name)), 'x');
  const pageOf = async (path: string): Promise<{ archives: { name: string }[]; nextPageLink?: string }> =>
    JSON.parse((await depot.call(path)).body.toString()) as Awaited<ReturnType<typeof pageOf>>;
  const first = await pageOf('?after=list');
  expect(first.archives).toHaveLength(1000);
  const second = await pageOf(first.nextPageLink!.slice('/archives/'.length));
  expect(second.nextPageLink).toBeUndefined();
  const listed = [...first.archives, ...second.archives].map(({ name }) => name);
  expect(listed.filter((name) => name.startsWith('list/'))).toEqual(names);
  const { archives } = await depot.list();
  expect(archives[0]).toEqual({ name: 'a.zip', bytes: 1_000_003, etag, modifiedAtMicros: expect.any(Number) });
  expect(refusalOf(await depot.call('?before=x')).code).toBe('PARAMETER_INVALID');
});

describe('slow callers', () => {
  let stalling: TestDepot;
  let hasty: TestDepot;
  beforeAll(async () => {
    stalling = await TestDepot.start({ limits: { stallMillis: 500 } });
    hasty = await TestDepot.start({ limits: { headersMillis: 500 } });
  });
  afterAll(() => Promise.all([stalling.close(), hasty.close()]));

  test('who sends nothing more of a body, or of its headers, is told so', async () => {
    for (const [name, range] of [
      ['slow', {}],
      ['slow', { 'content-range': 'bytes 0-99/200' }],
    ] as const) {
      const headers = { 'content-length': '100', ...range };
      const sent = stalling.open(name, { method: 'PUT', headers });
      sent.write('x');
      expect(refusalOf(await answerOf(sent)).code).toBe('REQUEST_TIMEOUT');
      sent.destroy();
    }
    const socket = connect(Number(new URL(hasty.url).port), '127.0.0.1');
    socket.write('PUT /archives/slow HTTP/1.1\r\nhost: 127');
    expect(await text(socket)).toContain('REQUEST_TIMEOUT');
    expect((await stalling.call('slow')).status).toBe(404);
  });

  test('who takes nothing of an answer is cut off', async () => {
    await writeFile(join(stalling.folder, 'large'), Buffer.alloc(50_000_000));
    const socket = connect(Number(new URL(stalling.url).port), '127.0.0.1').pause();
    socket.write('GET /archives/large HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const closed = once(socket, 'close');
    while (!(await sentIsAborted(stalling)));
    socket.on('error', () => undefined).resume();
    await closed;
    expect(socket.bytesRead).toBeLessThan(50_000_000);
  });
});

describe('odd callers', () => {
  test.each([
    ['POST', 'a.zip', {}, 'METHOD_NOT_ALLOWED'],
    ['PUT', '', {}, 'METHOD_NOT_ALLOWED'],
    ['DELETE', '', {}, 'METHOD_NOT_ALLOWED'],
    ['PUT', 'a.zip', { 'content-encoding': 'gzip' }, 'CONTENT_TYPE'],
    ['GET', 'a.zip', { host: 'example.org' }, 'HOST_UNKNOWN'],
    ['PUT', 'a.zip', { origin: 'http://example.org' }, 'ORIGIN_FOREIGN'],
    ['GET', 'a.zip', { 'x-long': 'x'.repeat(9000) }, 'TOO_LARGE'],
    ['GET', 'none.zip', {}, 'NOT_FOUND'],
  ] as const)('%s %s with %j is refused: %s', async (method, name, headers, code) => {
    expect(refusalOf(await depot.call(name, { method, headers })).code).toBe(code);
  });
});

describe('a depot with tokens', () => {
  const token = '0123456789abcdef-one';
  let guarded: TestDepot;
  beforeAll(async () => {
    guarded = await TestDepot.start({ settings: { TIDEMARK_DEPOT_TOKENS: `${token},0123456789abcdef-two` } });
  });
  afterAll(() => guarded.close());

  test.each(['PUT', 'GET', 'HEAD', 'DELETE'])('lets nobody %s without one', async (method) => {
    const wrong = [{}, ...['', 'Bearer', `Basic ${token}`, `Bearer ${token}x`, 'Bearer x'].map(bearer)];
    for (const headers of wrong) {
      const answer = await guarded.call('a.zip', { method, headers, ...(method === 'PUT' ? { body: 'x' } : {}) });
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
      if (method !== 'HEAD') expect(refusalOf(answer).message).toContain('TIDEMARK_DEPOT_TOKENS');
    }
    expect(await guarded.leftovers()).toEqual([]);
  });

  test('lets everybody with one, by whatever name it is called', async () => {
    for (const known of [token, '0123456789abcdef-two']) {
      const headers = { ...bearer(`Bearer ${known}`), host: 'depot.example.org:8082' };
      expect((await guarded.call('a.zip', { method: 'PUT', headers, body: 'x' })).status).toBeLessThan(300);
      expect((await guarded.call('a.zip', { headers })).status).toBe(200);
    }
    expect((await fetch(`${guarded.url}/core/health/ready`)).status).toBe(200);
    expect((await fetch(`${guarded.url}/core/metrics`)).status).toBe(401);
  });
});

const bearer = (authorization: string): Record<string, string> => ({ authorization });

async function sentIsAborted(depot: TestDepot): Promise<boolean> {
  const metrics = await (await fetch(`${depot.url}/core/metrics`)).text();
  return /duration_seconds_count\{[^}]*method="GET",status="aborted"/.test(metrics);
}
