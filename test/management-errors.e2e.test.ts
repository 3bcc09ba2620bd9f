import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  exchange,
  refusalOf,
  RESTORE_KIND,
  startSystem,
  type RawAnswer,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** What `PATCH /core/management` refuses in a body, with the ancestor's messages where they are kept. */
let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem({ settings: { TIDEMARK_HTTP_ALLOW: 'http://depot.example.org/archives,http://10.1.2.3' } });
});
afterAll(() => it.remove());

const patch = (body: string | Uint8Array | object): Promise<RawAnswer> =>
  exchange(it.url, {
    method: 'PATCH',
    path: '/core/management',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
const archive = (name = 'a.zip'): string => `file:${it.archives}/${name}`;
const backup = (fields: object = {}): object => ({ kind: BACKUP_KIND, destination: archive(), ...fields });
const restore = (fields: object = {}): object => ({ kind: RESTORE_KIND, destination: archive(), ...fields });

type Body = () => string | object;
type Row = [what: string, body: Body, code: string, message: string];

describe('400: a body that is not a request', () => {
  const rows: Row[] = [
    ['none', () => '', 'BODY_EMPTY', 'empty body'],
    ['white space', () => ' \r\n\t', 'BODY_EMPTY', 'empty body'],
    ['a text', () => '"backup"', 'BODY_UNPARSEABLE', 'Unparseable JSON body: expected an object'],
    ['null', () => 'null', 'BODY_UNPARSEABLE', 'Unparseable JSON body: expected an object'],
    ['an array', () => '[]', 'BODY_UNPARSEABLE', 'Unparseable JSON body: expected an object'],
    ['half an object', () => '{"kind":', 'BODY_UNPARSEABLE', 'Unparseable JSON body: '],
    ['no kind', () => ({ destination: archive() }), 'KIND_REQUIRED', 'kind is required'],
    ['an empty kind', () => backup({ kind: '' }), 'KIND_REQUIRED', 'kind is required'],
    ['a null kind', () => backup({ kind: null }), 'KIND_REQUIRED', 'kind is required'],
    ['a kind that is a number', () => backup({ kind: 7 }), 'KIND_UNKNOWN', 'unknown request'],
    [
      'a kind of the ancestor’s that is not kept',
      () => backup({ kind: BACKUP_KIND.replace('BackupRequest', 'AutoBackupConfiguration') }),
      'KIND_UNKNOWN',
      'unknown request',
    ],
    ['a kind in other letters', () => backup({ kind: BACKUP_KIND.toLowerCase() }), 'KIND_UNKNOWN', 'unknown request'],
    [
      'a backup to nowhere',
      () => ({ kind: BACKUP_KIND }),
      'DESTINATION_REQUIRED',
      'backup destination must be specified.',
    ],
    [
      'a restore from nowhere',
      () => ({ kind: RESTORE_KIND, destination: null }),
      'DESTINATION_REQUIRED',
      'destination is required.',
    ],
    [
      'a backup type nobody knows',
      () => backup({ backupType: 'FOO' }),
      'BACKUP_TYPE_INVALID',
      'backupType is not valid: it must be ZIP, STREAM or DIRECTORY',
    ],
    [
      'a stream to a file',
      () => backup({ backupType: 'STREAM' }),
      'BACKUP_TYPE_INVALID',
      'backupType is not valid: STREAM is for http and https destinations',
    ],
    [
      'another index',
      () => backup({ indexServiceLink: '/core/nope' }),
      'INDEX_UNKNOWN',
      'there is no index "/core/nope"; the index here is /core/document-index',
    ],
    ['a bearer that is a number', () => backup({ bearer: 1 }), 'PARAMETER_INVALID', 'bearer must be a string'],
  ];

  test.each(rows)('%s', async (_what, body, code, message) => {
    const error = refusalOf(await patch(body()));
    expect(error).toMatchObject({ statusCode: 400, errorCode: 0, code });
    if (message.endsWith(': ')) expect(error.message).toMatch(/^Unparseable JSON body: ./);
    else expect(error.message).toBe(message);
  });

  const BOUNDARY = 'timeSnapshotBoundaryMicros must be a whole number of microseconds from 1 to 9007199254740991';
  test.each([
    '0',
    '-1',
    '1.5',
    '1e300',
    '9007199254740992',
    '"9223372036854775807"',
    '"abc"',
    '"1.5"',
    '""',
    '"-1"',
    '" 1"',
    'true',
    '[]',
  ])('a boundary of %s', async (boundary) => {
    const body = `${JSON.stringify(restore()).slice(0, -1)},"timeSnapshotBoundaryMicros":${boundary}}`;
    expect(refusalOf(await patch(body))).toMatchObject({
      statusCode: 400,
      code: 'BOUNDARY_INVALID',
      message: BOUNDARY,
    });
  });

  test('that is not UTF-8', async () => {
    expect(refusalOf(await patch(Buffer.from([0x7b, 0xff, 0x7d])))).toMatchObject({
      statusCode: 400,
      code: 'BODY_UNPARSEABLE',
      message: 'Unparseable JSON body: it is not UTF-8',
    });
  });
});

describe('400: a destination that two readers could understand differently', () => {
  const rows: [what: string, destination: () => unknown, reason: string][] = [
    ['a number', () => 7, 'it must be a string'],
    ['no scheme', () => '/var/backup/a.zip', 'it has no scheme; a path is written like file:/var/backup/archive.zip'],
    ['a scheme nobody knows', () => 'ftp://host/a.zip', 'the scheme "ftp" is not known; use file, http or https'],
    ['a relative path', () => 'file:a.zip', 'its path is relative; it must start with /'],
    [
      'a host',
      () => `file://localhost${it.archives}/a.zip`,
      'a file: URI has no host, not even localhost; write file:/path or file:///path',
    ],
    ['a parent folder', () => archive('../../etc/a.zip'), 'its path has a . or .. segment'],
    ['an encoded slash', () => archive('a%2Fb.zip'), 'it has an encoded slash (%2F)'],
    ['encoded dots', () => archive('%2e%2E/a.zip'), 'it has an encoded dot (%2e)'],
    ['an encoded zero byte', () => archive('a.zip%00'), 'it has an encoded zero byte (%00)'],
    ['a slash encoded twice', () => archive('a%252Fb.zip'), 'it has an encoded slash (%252F)'],
    ['a backslash', () => archive('a\\b.zip'), 'it has a backslash; folders are separated by /'],
    ['a fragment', () => archive('a.zip#x'), 'it has a fragment (#); a # in a name is written %23'],
    ['a folder', () => archive('sub/'), 'its path ends in /; it must name a file'],
    ['the root itself', () => `file:${it.archives}`, 'it is the folder for archives itself; add a file name'],
    [
      'a user in a URL',
      () => 'http://me:pw@depot.example.org/archives/a.zip',
      'it has a user or password; a secret belongs into bearer',
    ],
  ];

  test.each(rows)('%s', async (_what, destination, reason) => {
    const message = `destination is not valid: ${reason}`;
    for (const kind of [BACKUP_KIND, RESTORE_KIND]) {
      const error = refusalOf(await patch({ kind, destination: destination() }));
      expect(error).toMatchObject({ statusCode: 400, code: 'DESTINATION_INVALID', message });
    }
  });
});

describe('403 and 501: a destination that is not served', () => {
  test.each([
    ['outside the roots', () => 'file:/etc/a.zip', 'TIDEMARK_FILE_ROOTS'],
    ['beside a root', () => `file:${it.archives}-2/a.zip`, 'TIDEMARK_FILE_ROOTS'],
    ['of another host', () => 'https://elsewhere.example.org/archives/a.zip', 'TIDEMARK_HTTP_ALLOW'],
    ['beside a prefix', () => 'http://depot.example.org/archives-2/a.zip', 'TIDEMARK_HTTP_ALLOW'],
  ])('one %s', async (_what, destination, setting) => {
    const error = refusalOf(await patch(backup({ destination: destination() })));
    expect(error).toMatchObject({ statusCode: 403, code: 'DESTINATION_NOT_ALLOWED', details: { setting } });
    const roots = it.services ? it.archives : `${it.archives}, ${it.home}/backups`;
    const allowed = setting === 'TIDEMARK_FILE_ROOTS' ? roots : 'http://depot.example.org/archives, http://10.1.2.3/';
    expect(error.message).toBe(
      `destination is not allowed: it is outside of what this server allows; ${setting} allows ${allowed}`,
    );
  });

  test('one of an address that is not public', async () => {
    const answer = await patch(backup({ destination: 'http://10.1.2.3/a.zip' }));
    expect(refusalOf(answer)).toMatchObject({
      statusCode: 403,
      code: 'DESTINATION_NOT_ALLOWED',
      details: { setting: 'TIDEMARK_HTTP_ALLOW_PRIVATE' },
    });
  });

  test('a folder', async () => {
    const message = 'backupType DIRECTORY is not implemented';
    const answer = await patch(backup({ backupType: 'DIRECTORY' }));
    expect(refusalOf(answer)).toMatchObject({ statusCode: 501, code: 'NOT_IMPLEMENTED', message });
  });
});

describe('a destination that names something else than an archive', () => {
  test.each([
    ['a folder', 'folder', 'it is a folder, not an archive'],
    ['a folder of a file', 'file.txt/a.zip', 'a part of its path is a file, not a folder'],
    ['a file that is no archive', 'file.txt', 'choose another name or remove it'],
  ])('%s: the job fails with 400 and touches nothing', async (_what, name, reason) => {
    await mkdir(join(it.archives, 'folder'), { recursive: true });
    await writeFile(join(it.archives, 'file.txt'), 'dear diary');
    const { status, body } = await it.client.backup(archive(name));
    expect(status).toBe(400);
    expect(body).toMatchObject({
      state: 'FAILED',
      error: { code: 'DESTINATION_INVALID', retriable: false, attempt: 1 },
    });
    expect(body.error?.message).toContain(reason);
  });
});

test('none of all this left a job, an archive or anything in the log but its warning', async () => {
  const { body } = await it.client.call<{ documents: Record<string, { state: string }> }>(
    'GET',
    '/core/management/jobs',
  );
  expect(Object.values(body.documents).map(({ state }) => state)).toEqual(['FAILED', 'FAILED', 'FAILED']);
  expect(it.log()).not.toMatch(/"level":(50|60)/);
});
