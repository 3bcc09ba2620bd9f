import { BACKUP_KIND, RESTORE_KIND } from '@tidemark/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { errorOf, GatewayFixture } from '../gateway.fixture.test.js';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await GatewayFixture.open({ TIDEMARK_HTTP_ALLOW: 'http://depot.example.org/archives,http://10.1.2.3' });
});
afterAll(() => fixture.close());

const backup = (fields: object = {}): object => ({ kind: BACKUP_KIND, destination: fixture.destination(), ...fields });
const restore = (fields: object = {}): object => ({
  kind: RESTORE_KIND,
  destination: fixture.destination(),
  ...fields,
});

describe('what PATCH /core/management refuses', () => {
  const cases: [string, () => string | object, number, string, string][] = [
    ['no body', () => '', 400, 'BODY_EMPTY', 'empty body'],
    ['white space', () => ' \n', 400, 'BODY_EMPTY', 'empty body'],
    ['an array', () => '[]', 400, 'BODY_UNPARSEABLE', 'Unparseable JSON body: expected an object'],
    ['no kind', () => ({ destination: 'file:/a.zip' }), 400, 'KIND_REQUIRED', 'kind is required'],
    ['an empty kind', () => backup({ kind: '' }), 400, 'KIND_REQUIRED', 'kind is required'],
    ['an unknown kind', () => backup({ kind: 'a' }), 400, 'KIND_UNKNOWN', 'unknown request'],
    [
      'a backup to nowhere',
      () => ({ kind: BACKUP_KIND }),
      400,
      'DESTINATION_REQUIRED',
      'backup destination must be specified.',
    ],
    ['a restore from nowhere', () => ({ kind: RESTORE_KIND }), 400, 'DESTINATION_REQUIRED', 'destination is required.'],
    [
      'a relative path',
      () => backup({ destination: 'file:a.zip' }),
      400,
      'DESTINATION_INVALID',
      'destination is not valid: its path is relative; it must start with /',
    ],
    [
      'a parent folder',
      () => backup({ destination: `${fixture.destination('x')}/../../etc/passwd` }),
      400,
      'DESTINATION_INVALID',
      'destination is not valid: its path has a . or .. segment',
    ],
    [
      'an encoded slash',
      () => backup({ destination: fixture.destination('a%2fb.zip') }),
      400,
      'DESTINATION_INVALID',
      'destination is not valid: it has an encoded slash (%2f)',
    ],
    [
      'an unknown type of backup',
      () => backup({ backupType: 'FOO' }),
      400,
      'BACKUP_TYPE_INVALID',
      'backupType is not valid: it must be ZIP, STREAM or DIRECTORY',
    ],
    [
      'a folder backup',
      () => backup({ backupType: 'DIRECTORY' }),
      501,
      'NOT_IMPLEMENTED',
      'backupType DIRECTORY is not implemented',
    ],
    [
      'a boundary of 0',
      () => restore({ timeSnapshotBoundaryMicros: 0 }),
      400,
      'BOUNDARY_INVALID',
      'timeSnapshotBoundaryMicros must be a whole number of microseconds from 1 to 9007199254740991',
    ],
    [
      'a boundary that would overflow',
      () => restore({ timeSnapshotBoundaryMicros: '9223372036854775807' }),
      400,
      'BOUNDARY_INVALID',
      'timeSnapshotBoundaryMicros must be a whole number of microseconds from 1 to 9007199254740991',
    ],
    [
      'another index',
      () => restore({ indexServiceLink: '/core/nope' }),
      400,
      'INDEX_UNKNOWN',
      'there is no index "/core/nope"; the index here is /core/document-index',
    ],
    [
      'a folder that is not allowed',
      () => backup({ destination: 'file:/etc/a.zip' }),
      403,
      'DESTINATION_NOT_ALLOWED',
      'destination is not allowed: it is outside of what this server allows; TIDEMARK_FILE_ROOTS allows <root>',
    ],
    [
      'a URL that is not allowed',
      () => backup({ destination: 'http://elsewhere.example.org/a.zip' }),
      403,
      'DESTINATION_NOT_ALLOWED',
      'destination is not allowed: it is outside of what this server allows; TIDEMARK_HTTP_ALLOW allows http://depot.example.org/archives, http://10.1.2.3/',
    ],
    [
      'a URL that is allowed, of an address that is not public',
      () => backup({ destination: 'http://10.1.2.3/a.zip' }),
      403,
      'DESTINATION_NOT_ALLOWED',
      'destination is not allowed: its host has an address that is not public; TIDEMARK_HTTP_ALLOW_PRIVATE allows none',
    ],
  ];

  test.each(cases)('%s', async (_name, body, status, code, message) => {
    const answer = await fixture.patch(body());
    const error = errorOf(answer);
    expect({ ...error, message: error.message.replace(fixture.root, '<root>') }).toMatchObject({
      statusCode: status,
      code,
      message,
      errorCode: 0,
      documentKind: 'com:vmware:xenon:common:ServiceErrorResponse',
    });
    expect(Object.keys(error).slice(0, 4)).toEqual(['message', 'statusCode', 'documentKind', 'errorCode']);
  });

  test('a body that is not JSON', async () => {
    const error = errorOf(await fixture.patch('{"kind":'));
    expect(error).toMatchObject({ statusCode: 400, code: 'BODY_UNPARSEABLE' });
    expect(error.message).toMatch(/^Unparseable JSON body: ./);
  });

  test('a body of another type', async () => {
    const error = errorOf(await fixture.patch(backup(), { 'content-type': 'text/plain' }));
    expect(error).toMatchObject({
      statusCode: 415,
      code: 'CONTENT_TYPE',
      message: 'Unrecognized Content-Type for parsing request body: text/plain; send application/json',
    });
  });

  test('a body over 64 KiB', async () => {
    const error = errorOf(await fixture.patch(backup({ bearer: 'x'.repeat(64 * 1024) })));
    expect(error).toMatchObject({ statusCode: 413, code: 'TOO_LARGE', details: { limitBytes: 65_536 } });
  });

  test('nothing of all this is stored', async () => {
    const { documentCount } = JSON.parse((await fixture.ask({ path: '/core/management/jobs' })).text) as {
      documentCount: number;
    };
    expect(documentCount).toBe(0);
  });

  test.each(['POST', 'PUT', 'DELETE'])('%s', async (method) => {
    const answer = await fixture.ask({ method, path: '/core/management' });
    expect(errorOf(answer)).toMatchObject({
      message: `Action not supported: ${method}`,
      statusCode: 405,
      code: 'METHOD_NOT_ALLOWED',
    });
    expect(answer.headers.allow).toBe('GET, HEAD, PATCH');
  });
});
