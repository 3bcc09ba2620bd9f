import type { OutgoingHttpHeaders } from 'node:http';

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  exchange,
  exchangeBytes,
  refusalOf,
  startSystem,
  type RawAnswer,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Requests to the system's own paths that are refused for their method, path, host, origin, type or bytes. */
let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem();
});
afterAll(() => it.remove());

const MANAGEMENT = '/core/management';

/** A request that nothing is wrong with but its headers. */
const patchWith = (headers: OutgoingHttpHeaders): Promise<RawAnswer> =>
  exchange(it.url, {
    method: 'PATCH',
    path: MANAGEMENT,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ kind: BACKUP_KIND, destination: `file:${it.archives}/a.zip` }),
  });

test.each(['text/plain', 'application/x-ndjson', 'application/json; charset=latin1', 'json', ''])(
  '415: a body of type %j',
  async (type) => {
    const error = refusalOf(await patchWith({ 'content-type': type }));
    expect(error).toMatchObject({ statusCode: 415, code: 'CONTENT_TYPE' });
    expect(error.message).toBe(`Unrecognized Content-Type for parsing request body: ${type}; send application/json`);
  },
);

test('415: a compressed body', async () => {
  const error = refusalOf(await patchWith({ 'content-encoding': 'gzip' }));
  expect(error).toMatchObject({ statusCode: 415, code: 'CONTENT_TYPE' });
});

test.each([
  ['POST', MANAGEMENT, 'GET, HEAD, PATCH'],
  ['PUT', MANAGEMENT, 'GET, HEAD, PATCH'],
  ['DELETE', MANAGEMENT, 'GET, HEAD, PATCH'],
  ['OPTIONS', MANAGEMENT, 'GET, HEAD, PATCH'],
  ['POST', '/core/management/jobs', 'GET, HEAD'],
  ['PATCH', '/core/management/jobs/x', 'DELETE, GET, HEAD'],
  ['POST', '/core/management/jobs/x/events', 'GET, HEAD'],
  ['DELETE', '/core/health/live', 'GET, HEAD'],
])('405: %s %s', async (method, path, allow) => {
  const answer = await exchange(it.url, { method, path });
  expect(refusalOf(answer)).toMatchObject({
    statusCode: 405,
    code: 'METHOD_NOT_ALLOWED',
    message: `Action not supported: ${method}`,
  });
  expect(answer.headers.allow).toBe(allow);
});

test.each([
  '/core',
  '/core/',
  '/core/managements',
  '/core/management/',
  '/core/examples/x',
  '/core/management/jobs/x/undo/more',
])('404: %s', async (path) => {
  expect(refusalOf(await exchange(it.url, { path }))).toMatchObject({
    statusCode: 404,
    code: 'NOT_FOUND',
    errorCode: 0,
    message: `${path} not found`,
  });
});

test.each([
  'evil.example.org',
  'evil.example.org:8000',
  'localhost.evil.example.org',
  '127.0.0.1.evil.example.org',
  '10.0.0.1',
])('421: at the host %s', async (host) => {
  for (const path of [MANAGEMENT, '/a/b']) {
    const error = refusalOf(await exchange(it.url, { path, headers: { host } }));
    expect(error).toMatchObject({ statusCode: 421, code: 'HOST_UNKNOWN' });
    expect(error.message).toContain('TIDEMARK_HOSTS');
  }
});

test.each(['https://evil.example.org', 'null', 'http://localhost:1'])('403: from a page of %s', async (origin) => {
  const answer = await patchWith({ origin });
  expect(refusalOf(answer)).toMatchObject({ statusCode: 403, code: 'ORIGIN_FOREIGN' });
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['two hosts', 'GET /core/management HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\nconnection: close\r\n\r\n'],
  ['no host', 'GET /core/management HTTP/1.1\r\nconnection: close\r\n\r\n'],
  [
    'two lengths',
    'PATCH /core/management HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
  ],
])('400: %s', async (_what, bytes) => {
  const answer = await exchangeBytes(it.url, bytes);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toMatch(/^x-request-id: [\w-]+\r$/m);
  expect(answer).toContain('"code":"REQUEST_MALFORMED"');
});

test('an answer bears the caller’s request id where it is a harmless one', async () => {
  const ask = (id: string): Promise<RawAnswer> =>
    exchange(it.url, { path: MANAGEMENT, headers: { 'x-request-id': id } });
  const named = await ask('night-shift:42');
  expect(named.headers['x-request-id']).toBe('night-shift:42');
  const odd = await ask('a b<script>');
  expect(odd.headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
});

test('none of all this left a job or an error in the log', async () => {
  const { body } = await it.client.call('GET', '/core/management/jobs');
  expect(body).toMatchObject({ documentCount: 0 });
  expect(it.log()).not.toMatch(/"level":(50|60)/);
});
