import type { OutgoingHttpHeaders } from 'node:http';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  exchange,
  refusalOf,
  startSystem,
  type ErrorCode,
  type RawAnswer,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** What is refused of reads and writes of documents; one row, one refusal. */
let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem();
  await it.client.put('/there/a', { n: 1 });
  await it.client.put('/there/gone', { n: 1 });
  await it.client.call('DELETE', '/there/gone');
});
afterAll(() => it.remove());

const JSON_TYPE = { 'content-type': 'application/json' };
const send = (
  method: string,
  path: string,
  body?: string | Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<RawAnswer> =>
  exchange(it.url, {
    method,
    path,
    headers: { ...(body === undefined ? {} : JSON_TYPE), ...headers },
    ...(body === undefined ? {} : { body }),
  });

describe('what is not there', () => {
  const rows: [method: string, path: string, code: ErrorCode, errorCode: number, message: string][] = [
    ['GET', '/there/never', 'DOCUMENT_NOT_FOUND', -2147483648, 'Service not found: /there/never'],
    ['GET', '/there/gone', 'DOCUMENT_DELETED', -2147483646, 'Service not found: /there/gone (it was deleted)'],
    ['GET', '/there/a?documentVersion=7', 'DOCUMENT_NOT_FOUND', -2147483648, 'Service not found: /there/a'],
    ['GET', '/there/a?timeSnapshotBoundaryMicros=1', 'DOCUMENT_NOT_FOUND', -2147483648, 'Service not found: /there/a'],
    ['PATCH', '/there/never', 'DOCUMENT_NOT_FOUND', -2147483648, 'Service not found: /there/never'],
    ['PATCH', '/there/gone', 'DOCUMENT_DELETED', -2147483646, 'Service not found: /there/gone (it was deleted)'],
    [
      'GET',
      '/core/document-index?documentSelfLink=/there/never',
      'DOCUMENT_NOT_FOUND',
      -2147483648,
      'Service not found: /there/never',
    ],
    [
      'GET',
      '/core/document-index?documentSelfLink=/there/gone',
      'DOCUMENT_DELETED',
      -2147483646,
      'Service not found: /there/gone (it was deleted)',
    ],
  ];

  test.each(rows)('%s %s: %s', async (method, path, code, errorCode, message) => {
    const answer = await send(method, path, method === 'PATCH' ? '{}' : undefined);
    expect(refusalOf(answer)).toMatchObject({ statusCode: 404, code, errorCode, message });
  });
});

test('409: creating what is there', async () => {
  const error = refusalOf(await send('POST', '/there', '{"documentSelfLink":"a"}'));
  expect(error).toMatchObject({
    statusCode: 409,
    code: 'DOCUMENT_EXISTS',
    errorCode: -2147483645,
    message: 'Service already started: /there/a',
  });
});

test('412: a change of another version than there is', async () => {
  const error = refusalOf(await send('PUT', '/there/a', '{}', { 'if-match': '"1-99"' }));
  expect(error).toMatchObject({
    statusCode: 412,
    code: 'VERSION_MISMATCH',
    details: { current: '"1-0"' },
    message: '/there/a is not at the version that If-Match names',
  });
});

describe('400: a path that is no link', () => {
  test.each([
    ['/a//b', 'a segment is empty'],
    ['//a', 'a segment is empty'],
    ['/a/./b', 'a segment is . or ..'],
    ['/a/../b', 'a segment is . or ..'],
    ['/a/%2e%2e/b', 'a segment is . or ..'],
    ['/a/b%2Fc', 'a segment holds a slash'],
    ['/a/b%20c', 'segments are of'],
    ['/a/%C3%A9', 'segments are of'],
    ['/a/b%00', 'segments are of'],
    ['/a/b*', 'segments are of'],
    ['/a/b%zz', 'its percent-encoding is broken'],
    ['/a/b%ff', 'its percent-encoding is broken'],
    [`/${'x'.repeat(1024)}`, 'it is longer than 1024 bytes'],
  ])('%.40s', async (path, reason) => {
    for (const [method, body] of [
      ['GET', undefined],
      ['PUT', '{}'],
      ['DELETE', undefined],
    ] as const) {
      const error = refusalOf(await send(method, path, body));
      expect(error).toMatchObject({ statusCode: 400, code: 'LINK_INVALID' });
      expect(error.message).toContain(reason);
    }
  });

  test.each([
    ['another folder', '/else/x', 'it is not a direct child of /there/'],
    ['a grandchild', 'x/y', 'it is not a direct child of /there/'],
    ['itself', '/there', 'it is not a direct child of /there/'],
    ['the system’s', '/core/x', 'everything under /core is the system’s'],
    ['no name', '', 'a segment is empty'],
    ['a parent', '..', 'a segment is . or ..'],
  ])('a child that names %s', async (_what, documentSelfLink, reason) => {
    const error = refusalOf(await send('POST', '/there', JSON.stringify({ documentSelfLink })));
    expect(error).toMatchObject({ statusCode: 400, code: 'LINK_INVALID' });
    expect(error.message).toContain(reason);
  });
});

describe('400: a body that is no document', () => {
  const rows: [what: string, body: string | Buffer, code: ErrorCode, reason: string][] = [
    ['nothing', '', 'BODY_EMPTY', 'empty body'],
    ['white space', '  ', 'DOCUMENT_INVALID', 'expected an object'],
    ['a list', '[{}]', 'DOCUMENT_INVALID', 'expected an object'],
    ['a text', '"a"', 'DOCUMENT_INVALID', 'expected an object'],
    ['half an object', '{"a":', 'DOCUMENT_INVALID', 'expected a value at position 5'],
    ['two objects', '{}{}', 'DOCUMENT_INVALID', 'unexpected text after the object'],
    ['a name twice', '{"a":1,"b":{"c":1,"\\u0063":2}}', 'DOCUMENT_INVALID', 'comes twice'],
    ['a number with a leading zero', '{"a":01}', 'DOCUMENT_INVALID', 'expected , or }'],
    ['NaN', '{"a":NaN}', 'DOCUMENT_INVALID', 'expected a value'],
    ['a raw line break in a text', '{"a":"b\nc"}', 'DOCUMENT_INVALID', 'a control character'],
    ['257 levels', `{"a":${'['.repeat(256)}${']'.repeat(256)}}`, 'DOCUMENT_INVALID', 'more than 256 levels'],
    [
      'a byte that is not UTF-8',
      Buffer.from([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]),
      'DOCUMENT_INVALID',
      'it is not UTF-8',
    ],
    ['a byte order mark', '\ufeff{}', 'DOCUMENT_INVALID', 'expected an object'],
    ['a kind that is no text', '{"documentKind":1}', 'DOCUMENT_INVALID', 'documentKind must be a string'],
    ['a kind with NUL', '{"documentKind":"a\\u0000"}', 'DOCUMENT_INVALID', 'NUL'],
    [
      'an expiry that is no time',
      '{"documentExpirationTimeMicros":1.5}',
      'DOCUMENT_INVALID',
      'a whole number of microseconds',
    ],
    ['a link that is no text', '{"documentSelfLink":7}', 'DOCUMENT_INVALID', 'documentSelfLink must be a string'],
  ];

  test.each(rows)('%s', async (_what, body, code, reason) => {
    for (const [method, path] of [
      ['PUT', '/bad/a'],
      ['POST', '/bad'],
      ['PATCH', '/there/a'],
    ] as const) {
      const error = refusalOf(await send(method, path, body));
      expect(error).toMatchObject({ statusCode: 400, code, errorCode: 0 });
      expect(error.message).toContain(reason);
    }
    expect((await it.client.documents('/bad')).size).toBe(0);
    expect((await it.client.call('GET', '/there/a')).body).toMatchObject({ n: 1, documentVersion: 0 });
  });
});

describe('400: a query that means nothing', () => {
  const BOUNDARY = 'timeSnapshotBoundaryMicros must be a whole number of microseconds from 1 to 9007199254740991';
  const INDEX = '/core/document-index';
  const rows: [path: string, code: ErrorCode, message: string][] = [
    [
      '/there/a?documentVersion=-1',
      'PARAMETER_INVALID',
      'documentVersion must be a whole number from 0 to 9007199254740991',
    ],
    [
      '/there/a?documentVersion=1.0',
      'PARAMETER_INVALID',
      'documentVersion must be a whole number from 0 to 9007199254740991',
    ],
    ['/there/a?documentVersion=1&documentVersion=2', 'PARAMETER_INVALID', 'documentVersion is given more than once'],
    [
      '/there/a?documentVersion=0&timeSnapshotBoundaryMicros=5',
      'PARAMETER_INVALID',
      'documentVersion and timeSnapshotBoundaryMicros exclude each other',
    ],
    ['/there/a?timeSnapshotBoundaryMicros=0', 'BOUNDARY_INVALID', BOUNDARY],
    ['/there/?timeSnapshotBoundaryMicros=9223372036854775807', 'BOUNDARY_INVALID', BOUNDARY],
    ['/there/?timeSnapshotBoundaryMicros=now', 'BOUNDARY_INVALID', BOUNDARY],
    ['/there/?$limit=0', 'PARAMETER_INVALID', '$limit must be a whole number from 1 to 10000'],
    ['/there/?$limit=10001', 'PARAMETER_INVALID', '$limit must be a whole number from 1 to 10000'],
    ['/there/?$page=nonsense', 'PARAMETER_INVALID', '$page is not one of a nextPageLink'],
    [INDEX, 'PARAMETER_INVALID', 'documentSelfLink query parameter is required'],
    [`${INDEX}?documentSelfLink=there`, 'LINK_INVALID', 'the link "there" is not valid: it must start with /'],
    [
      `${INDEX}?documentSelfLink=/core/management`,
      'LINK_INVALID',
      'the link "/core/management" is not valid: everything under /core is the system’s',
    ],
  ];

  test.each(rows)('%s', async (path, code, message) => {
    expect(refusalOf(await send('GET', path))).toMatchObject({ statusCode: 400, code, message });
  });
});

describe('405: a method that a path does not know', () => {
  const OF_A_FOLDER = 'GET, HEAD, POST';
  test.each([
    ['PUT', '/', OF_A_FOLDER],
    ['PATCH', '/there/', OF_A_FOLDER],
    ['DELETE', '/there/', OF_A_FOLDER],
    ['OPTIONS', '/there/a', 'DELETE, GET, HEAD, PATCH, POST, PUT'],
    ['PUT', '/core/document-index', OF_A_FOLDER],
    ['DELETE', '/core/document-index', OF_A_FOLDER],
    ['PATCH', '/core/document-index', OF_A_FOLDER],
  ])('%s %s', async (method, path, allow) => {
    const body = method.startsWith('P') ? '{}' : undefined;
    const answer = await send(method, path, body);
    expect(refusalOf(answer)).toMatchObject({
      statusCode: 405,
      code: 'METHOD_NOT_ALLOWED',
      message: `Action not supported: ${method}`,
    });
    expect(answer.headers.allow).toBe(allow);
  });

  test.each(['PROPFIND', 'LINK'])('501: %s, which no path knows', async (method) => {
    expect(refusalOf(await send(method, '/there/a'))).toMatchObject({ statusCode: 501, code: 'NOT_IMPLEMENTED' });
  });
});

describe('415: a body of another type', () => {
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/merge-patch+json',
    'application/x-ndjson',
    'application/json; charset=utf-16',
  ])('a document as %s', async (type) => {
    for (const [method, path] of [
      ['PUT', '/bad/type'],
      ['POST', '/bad'],
      ['PATCH', '/there/a'],
    ] as const) {
      const error = refusalOf(await send(method, path, '{}', { 'content-type': type }));
      expect(error).toMatchObject({ statusCode: 415, code: 'CONTENT_TYPE' });
      expect(error.message).toBe(`Unrecognized Content-Type for parsing request body: ${type}; send application/json`);
    }
  });

  test('a document without one', async () => {
    const answer = await exchange(it.url, { method: 'PUT', path: '/bad/type', body: '{}' });
    expect(refusalOf(answer).message).toBe(
      'Unrecognized Content-Type for parsing request body: none; send application/json',
    );
  });
});
