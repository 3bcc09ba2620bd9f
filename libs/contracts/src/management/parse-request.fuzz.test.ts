import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { editedBytes, fuzz, outcomeOf } from '@tidemark/testing';

import { parseManagementRequest } from './parse-request.js';
import { BACKUP_KIND, MASK, MAX_MICROS, RESTORE_KIND, managementRequestSchema } from './requests.js';

const value = fc.oneof(
  fc.constantFrom<unknown>(
    BACKUP_KIND,
    RESTORE_KIND,
    'ZIP',
    'STREAM',
    'DIRECTORY',
    'file:/a.zip',
    'https://h/a',
    '',
    null,
  ),
  fc.constantFrom<unknown>(
    '1',
    '9007199254740992',
    0,
    1.5,
    -1,
    '/core/document-index',
    's3cret',
    'a b',
    '\0',
    '\ud800',
  ),
  fc.jsonValue(),
);
const names = ['kind', 'destination', 'bearer', 'backupType', 'indexServiceLink', 'timeSnapshotBoundaryMicros'];
const name = fc.constantFrom(...names, 'backupServiceLink', '__proto__', 'constructor', 'toString', '');
/** Entries and not an object, so that `__proto__` and names that come twice are written as they are. */
const text = fc
  .tuple(fc.constantFrom(BACKUP_KIND, RESTORE_KIND), fc.array(fc.tuple(name, value), { maxLength: 8 }))
  .map(([kind, fields]) => [['kind', kind], ['destination', 'file:/a.zip'], ...fields] as const)
  .map((fields) => `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(each)}`).join(',')}}`);
const deep = fc.constantFrom('[', '{"kind":').map((piece) => piece.repeat(30_000));
const bodies = fc.oneof(text, text.chain((each) => editedBytes([Buffer.from(each)])).map(String), deep, fc.string());

test('a request that is taken is one of the contract, and any other has its code', async () => {
  await fuzz('management request', bodies, async (body) => {
    const outcome = await outcomeOf(() => parseManagementRequest(body));
    if ('code' in outcome) return outcome;
    const { request, bearer, warnings } = outcome.value;
    expect(managementRequestSchema.parse(JSON.parse(JSON.stringify(request)))).toEqual(request);
    expect(Object.getPrototypeOf(request)).toBe(Object.prototype);
    if (bearer !== undefined) {
      expect(request.bearer).toBe(MASK);
      expect(new Headers({ authorization: `Bearer ${bearer}` }).get('authorization')).toBe(`Bearer ${bearer}`);
    }
    if ('timeSnapshotBoundaryMicros' in request) {
      expect(request.timeSnapshotBoundaryMicros).toBeGreaterThanOrEqual(1);
      expect(request.timeSnapshotBoundaryMicros).toBeLessThanOrEqual(MAX_MICROS);
    }
    expect(warnings.join('').length).toBeLessThanOrEqual(200 * warnings.length);
    return outcome;
  });
});
