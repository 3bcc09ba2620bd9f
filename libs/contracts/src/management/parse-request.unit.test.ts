import { describe, expect, test } from '@jest/globals';

import type { ErrorCode } from '../errors/error-table.js';
import { TidemarkError } from '../errors/tidemark-error.js';
import { parseManagementRequest } from './parse-request.js';
import { BACKUP_KIND, RESTORE_KIND } from './requests.js';

const FILE = 'file:/var/backup/a.zip';
const backup = (fields: object): string => JSON.stringify({ kind: BACKUP_KIND, destination: FILE, ...fields });
const restore = (fields: object): string => JSON.stringify({ kind: RESTORE_KIND, destination: FILE, ...fields });

describe('a request of the contract', () => {
  test('a backup gets its defaults', () => {
    expect(parseManagementRequest(backup({}))).toEqual({
      request: { kind: BACKUP_KIND, destination: FILE, indexServiceLink: '/core/document-index', backupType: 'ZIP' },
      bearer: undefined,
      warnings: [],
    });
  });

  test('an http destination makes the backup a STREAM, whatever was asked', () => {
    const parsed = parseManagementRequest(backup({ destination: 'HTTPS://host/a.zip', backupType: 'ZIP' }));
    expect(parsed.request).toMatchObject({ backupType: 'STREAM' });
  });

  test('null stands for a field that is not there', () => {
    const nulls = { backupType: null, indexServiceLink: null, backupServiceLink: null, bearer: null };
    expect(parseManagementRequest(backup(nulls)).request).toEqual(parseManagementRequest(backup({})).request);
  });

  test('the bearer is handed over apart and masked in the request', () => {
    const parsed = parseManagementRequest(restore({ bearer: 'secret' }));
    expect(parsed.bearer).toBe('secret');
    expect(JSON.stringify(parsed.request)).not.toContain('secret');
    expect(parsed.request.bearer).toBe('***');
  });

  test.each([1, 1795384850922000, '1795384850922000', 9007199254740991])('boundary %p is a time', (micros) => {
    const parsed = parseManagementRequest(restore({ timeSnapshotBoundaryMicros: micros }));
    expect(parsed.request).toMatchObject({ timeSnapshotBoundaryMicros: Number(micros) });
  });

  test('unknown fields are ignored and named', () => {
    expect(parseManagementRequest(restore({ backupType: 'ZIP', foo: 1 })).warnings).toEqual([
      'the field "backupType" is not known and was ignored',
      'the field "foo" is not known and was ignored',
    ]);
  });
});

describe('whatever a field without a meaning holds', () => {
  const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;

  test.each(['other', '__proto__', 'constructor', 'toString'])('%s is ignored, and named', (name) => {
    const body = `{"kind":"${BACKUP_KIND}","destination":"${FILE}","${name}":${deep}}`;
    const parsed = parseManagementRequest(body);
    expect(parsed.warnings).toEqual([`the field "${name}" is not known and was ignored`]);
    expect(parsed.request).toEqual(parseManagementRequest(backup({})).request);
  });

  test('it does not stand in for a field', () => {
    const body = `{"__proto__":{"kind":"${BACKUP_KIND}","destination":"${FILE}"}}`;
    expect(thrownBy(() => parseManagementRequest(body))).toMatchObject({ code: 'KIND_REQUIRED' });
    expect(Object.prototype).not.toHaveProperty('kind');
  });
});

const refused: [string, ErrorCode, string][] = [
  ['', 'BODY_EMPTY', 'empty body'],
  [' \n', 'BODY_EMPTY', 'empty body'],
  ['{"kind":', 'BODY_UNPARSEABLE', 'Unparseable JSON body: '],
  ['[]', 'BODY_UNPARSEABLE', 'Unparseable JSON body: expected an object'],
  ['nul', 'BODY_UNPARSEABLE', 'Unparseable JSON body: Unexpected '],
  ['null', 'BODY_UNPARSEABLE', 'Unparseable JSON body: expected an object'],
  ['{}', 'KIND_REQUIRED', 'kind is required'],
  ['{"kind":""}', 'KIND_REQUIRED', 'kind is required'],
  ['{"kind":"BackupRequest"}', 'KIND_UNKNOWN', 'unknown request'],
  ['{"kind":7}', 'KIND_UNKNOWN', 'unknown request'],
  [JSON.stringify({ kind: BACKUP_KIND }), 'DESTINATION_REQUIRED', 'backup destination must be specified.'],
  [JSON.stringify({ kind: RESTORE_KIND, destination: '' }), 'DESTINATION_REQUIRED', 'destination is required.'],
  [backup({ destination: 7 }), 'DESTINATION_INVALID', 'destination is not valid: it must be a string'],
  [backup({ backupType: 'FOO' }), 'BACKUP_TYPE_INVALID', 'backupType is not valid'],
  [backup({ backupType: 'STREAM' }), 'BACKUP_TYPE_INVALID', 'backupType is not valid'],
  [backup({ backupType: 'DIRECTORY' }), 'NOT_IMPLEMENTED', 'backupType DIRECTORY'],
  [backup({ indexServiceLink: '/core/other' }), 'INDEX_UNKNOWN', 'there is no index "/core/other"'],
  [backup({ bearer: 7 }), 'PARAMETER_INVALID', 'bearer must be a string'],
  ...['two words', 'line\r\nX-More: 1', 'käse', 'x'.repeat(8193)].map((bearer): [string, ErrorCode, string] => [
    backup({ bearer }),
    'PARAMETER_INVALID',
    'bearer must be 1 to 8192 printable ASCII characters without blanks',
  ]),
  ...[0, -1, 1.5, '1.5', 'abc', '', '-1', ' 1', '0x10', true, 9007199254740992, '9223372036854775807', [], {}].map(
    (micros): [string, ErrorCode, string] => [
      restore({ timeSnapshotBoundaryMicros: micros }),
      'BOUNDARY_INVALID',
      'timeSnapshotBoundaryMicros must be',
    ],
  ),
];

test.each(refused)('%s is refused as %s', (body, code, message) => {
  const error = thrownBy(() => parseManagementRequest(body));
  expect(error).toBeInstanceOf(TidemarkError);
  expect((error as TidemarkError).code).toBe(code);
  expect((error as TidemarkError).message.startsWith(message)).toBe(true);
});

test.each([
  ['{"bearer":s3cret}', "Unexpected token 's'"],
  ['s3cret', "Unexpected token 's'"],
  ['[object s3cret]', "Unexpected token 'o'"],
  ['{"kind":"a kind that is long enough to be cut","bearer": s3cret-s3cret-s3cret,"x":1}', "Unexpected token 's'"],
  ['{"bearer":"s3cret" "x"}', "Expected ',' or '}' after property value in JSON at position 19 (line 1 column 20)"],
  ['{"bearer":"s3cret', 'Unterminated string in JSON at position 17 (line 1 column 18)'],
])('what is wrong with %s is told without showing a piece of it', (body, reason) => {
  expect(thrownBy(() => parseManagementRequest(body))).toMatchObject({ reason });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
