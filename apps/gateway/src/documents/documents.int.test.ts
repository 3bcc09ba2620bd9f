import type { OutgoingHttpHeaders } from 'node:http';

import { bulkResultSchema } from '@tidemark/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { errorOf, GatewayFixture, type Answered } from '../gateway.fixture.test.js';
import { IndexProcess } from '../index-process.fixture.test.js';

let fixture: GatewayFixture;
let index: IndexProcess;
beforeAll(async () => {
  fixture = await GatewayFixture.open();
  await fixture.stop();
  index = await IndexProcess.start(fixture.database.url);
  await fixture.start({ TIDEMARK_INDEX_URL: index.url, TIDEMARK_HOSTS: 'index.example.org' });
});
afterAll(async () => {
  await fixture.close();
  await index.stop();
});

const JSON_TYPE = { 'content-type': 'application/json' };
const send = (method: string, path: string, body: string, headers: OutgoingHttpHeaders = {}): Promise<Answered> =>
  fixture.ask({ method, path, body, headers: { ...JSON_TYPE, ...headers } });
const get = (path: string, headers: OutgoingHttpHeaders = {}): Promise<Answered> => fixture.ask({ path, headers });

describe('a document', () => {
  test('lives its whole life behind the gateway', async () => {
    const created = await send('POST', '/towns', '{"documentSelfLink":"bern","n":12345678901234567890,"x":0.10}');
    expect([created.status, created.headers.location]).toEqual([201, '/towns/bern']);
    const read = await get('/towns/bern');
    expect(read.status).toBe(200);
    expect(read.text).toContain('"n":12345678901234567890,"x":0.10');
    expect(read.headers['content-type']).toBe('application/json; charset=utf-8');
    const { etag } = read.headers;
    expect(etag).toMatch(/^"\d+-0"$/);

    const replaced = await send('PUT', '/towns/bern', '{"n":2}', { 'if-match': etag });
    expect([replaced.status, replaced.headers.etag]).toEqual([200, etag?.replace('-0', '-1')]);
    const late = errorOf(await send('PATCH', '/towns/bern', '{"n":3}', { 'if-match': etag }));
    expect(late).toMatchObject({ statusCode: 412, code: 'VERSION_MISMATCH' });

    const unchanged = await get('/towns/bern', { 'if-none-match': replaced.headers.etag });
    expect([unchanged.status, unchanged.text, unchanged.headers.etag]).toEqual([304, '', replaced.headers.etag]);
    expect(unchanged.headers['transfer-encoding']).toBeUndefined();
    const head = await fixture.ask({ method: 'HEAD', path: '/towns/bern' });
    expect([head.status, head.text, head.headers['content-length']]).toEqual([
      200,
      '',
      String((await get('/towns/bern')).text.length),
    ]);
    expect((await get('/towns/')).text).toBe('{"documentLinks":["/towns/bern"],"documentCount":1}');
    expect((await get('/towns/bern?documentVersion=0')).text).toContain('12345678901234567890');

    expect((await fixture.ask({ method: 'DELETE', path: '/towns/bern' })).status).toBe(200);
    expect(errorOf(await get('/towns/bern'))).toMatchObject({ code: 'DOCUMENT_DELETED', errorCode: -2147483646 });
    const nothing = await fixture.ask({ method: 'DELETE', path: '/towns/nothing' });
    expect([nothing.status, nothing.text]).toEqual([200, '']);
  });

  test.each([
    ["/odd/~:@!$'()+,;=-._", "/odd/~:@!$'()+,;=-._"],
    ['/odd/%7E%41', '/odd/~A'],
    ['/odd/..b', '/odd/..b'],
    ['/odd/b..', '/odd/b..'],
    ['/odd/a+b', '/odd/a+b'],
    ['/Core/x', '/Core/x'],
    ['/corel', '/corel'],
    ['/internal/jobs/x', '/internal/jobs/x'],
    [`/${'x'.repeat(1000)}`, `/${'x'.repeat(1000)}`],
  ])('%s is the link %s', async (path, link) => {
    const answer = await send('PUT', path, '{}');
    expect(answer.status).toBe(201);
    expect((JSON.parse(answer.text) as { documentSelfLink: string }).documentSelfLink).toBe(link);
    expect((await get(path)).text).toBe(answer.text);
  });

  test.each([
    '/odd//x',
    '/odd/./x',
    '/odd/../x',
    '/odd/%2e%2e/x',
    '/odd/a%2fb',
    '/odd/a%20b',
    '/a\\b',
    '/odd/%zz',
    '//x',
  ])('%s is no link', async (path) => {
    expect(errorOf(await send('PUT', path, '{}'))).toMatchObject({ statusCode: 400, code: 'LINK_INVALID' });
  });

  test('may have 1 MiB and not a byte more, with its length told or not', async () => {
    const body = (bytes: number): string => `{"a":"${'x'.repeat(bytes - 8)}"}`;
    expect((await send('PUT', '/big/most', body(1024 * 1024))).status).toBe(201);
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const error = errorOf(await send('PUT', '/big/more', body(1024 * 1024 + 1), headers));
      expect(error).toMatchObject({ statusCode: 413, code: 'TOO_LARGE', details: { limitBytes: 1024 * 1024 } });
    }
    expect((await get('/big/more')).status).toBe(404);
  });

  test.each(['text/plain', 'application/x-ndjson', 'application/octet-stream'])('of %s is refused', async (type) => {
    const error = errorOf(await send('PUT', '/odd/type', '{}', { 'content-type': type }));
    expect(error).toMatchObject({ statusCode: 415, code: 'CONTENT_TYPE' });
    expect(error.message).toBe(`Unrecognized Content-Type for parsing request body: ${type}; send application/json`);
  });

  test('OPTIONS', async () => {
    const answer = await fixture.ask({ method: 'OPTIONS', path: '/towns/bern' });
    expect(errorOf(answer)).toMatchObject({ statusCode: 405, message: 'Action not supported: OPTIONS' });
    expect(answer.headers.allow).toBe('DELETE, GET, HEAD, PATCH, POST, PUT');
  });
});

describe('the index as a whole', () => {
  const bulk = (body: string, headers: OutgoingHttpHeaders = {}): Promise<Answered> =>
    send('POST', '/core/document-index', body, { 'content-type': 'application/x-ndjson', ...headers });

  test('takes lines and gives back versions and prefixes', async () => {
    const lines = Array.from({ length: 3000 }, (_, n) => `{"documentSelfLink":"/bulk/${n}","n":${n}}\n`);
    const answer = await bulk(lines.join(''));
    expect(answer.status).toBe(200);
    expect(bulkResultSchema.parse(JSON.parse(answer.text))).toMatchObject({ accepted: 3000, versions: 3000 });
    const one = await get('/core/document-index?documentSelfLink=/bulk/77&documentVersion=0');
    expect(one.text).toContain('"n":77');
    const page = JSON.parse((await get('/core/document-index?documentSelfLink=/bulk/7*&$limit=2')).text) as {
      documentLinks: string[];
      nextPageLink: string;
    };
    expect(page.documentLinks).toEqual(['/bulk/7', '/bulk/70']);
    const head = await fixture.ask({ method: 'HEAD', path: '/core/document-index?documentSelfLink=/bulk/77' });
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', String(one.text.length)]);
    expect((await get(page.nextPageLink)).text).toContain('"/bulk/700","/bulk/701"');
  });

  test('a bad line is answered while more of them come', async () => {
    const lines = `{"documentSelfLink":"/bad/1"}\n{oops\n${`{"documentSelfLink":"/bad/2","pad":"${'x'.repeat(1000)}"}\n`.repeat(3000)}`;
    const error = errorOf(await bulk(lines));
    expect(error).toMatchObject({ statusCode: 400, code: 'LINE_INVALID', details: { line: 2 } });
  });

  test.each(['application/json', 'application/x-www-form-urlencoded'])('%s is refused, however long', async (type) => {
    const error = errorOf(await bulk('x'.repeat(100_000), { 'content-type': type }));
    expect(error).toMatchObject({ statusCode: 415, code: 'CONTENT_TYPE' });
    expect(error.message).toContain('send application/x-ndjson');
  });

  test('other methods are refused', async () => {
    const answer = await fixture.ask({ method: 'DELETE', path: '/core/document-index' });
    expect(errorOf(answer).message).toBe('Action not supported: DELETE');
    expect(answer.headers.allow).toBe('GET, HEAD, POST');
  });

  test('is told of by GET /core/management', async () => {
    const { index: figures, problems } = await fixture.status();
    expect(figures).toMatchObject({ previousGeneration: null });
    expect(problems).toEqual({ index: [], jobs: [], workers: [], queues: [], messaging: [], fileRoots: [] });
  });
});

describe('what is the system’s', () => {
  test.each([
    ['GET', '/core'],
    ['PUT', '/core'],
    ['GET', '/core/'],
    ['PUT', '/core/examples/x'],
    ['GET', '/core/document-index/'],
    ['GET', '/core/management/'],
    ['GET', '/%63ore/examples'],
    ['POST', '/core/management/jobs/x/redo'],
  ])('%s %s is nobody’s', async (method, path) => {
    const error = errorOf(await fixture.ask({ method, path, headers: JSON_TYPE }));
    expect(error).toMatchObject({ statusCode: 404, code: 'NOT_FOUND', message: `${path} not found` });
  });

  test.each(['/core%2Fmanagement', '/%63ore%2fx'])('%s does not slip through to the index', async (path) => {
    expect(errorOf(await send('PUT', path, '{}'))).toMatchObject({ statusCode: 400, code: 'LINK_INVALID' });
  });
});

describe('who may call', () => {
  test.each([
    ['index.example.org', undefined, 200],
    ['index.example.org:8000', undefined, 200],
    ['elsewhere.example.org', undefined, 421],
    ['localhost', 'https://elsewhere.example.org', 403],
    ['localhost', 'http://localhost', 200],
  ])('at %s from a page of %s: %d', async (host, origin, status) => {
    for (const path of ['/core/management', '/here/']) {
      const answer = await get(path, { host, ...(origin ? { origin } : {}) });
      expect(answer.status).toBe(status);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
      if (status !== 200) expect(errorOf(answer).code).toBe(status === 421 ? 'HOST_UNKNOWN' : 'ORIGIN_FOREIGN');
    }
  });
});

describe('x-request-id', () => {
  test('is the caller’s own, all the way', async () => {
    const answer = await get('/nothing', { 'x-request-id': 'my-own.1' });
    expect([answer.status, answer.headers['x-request-id']]).toEqual([404, 'my-own.1']);
  });
});
