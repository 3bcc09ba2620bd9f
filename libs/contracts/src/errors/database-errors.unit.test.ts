import { expect, test } from '@jest/globals';

import { databaseErrorOf } from './database-errors.js';

test.each([
  [{ code: '53100' }, 'DATABASE_FULL'],
  [{ code: '57P01' }, 'DATABASE_UNAVAILABLE'],
  [{ code: '08006' }, 'DATABASE_UNAVAILABLE'],
  [{ code: '25P03' }, 'DATABASE_UNAVAILABLE'],
  [{ code: '53300' }, 'DATABASE_UNAVAILABLE'],
  [{ code: 'ECONNREFUSED' }, 'DATABASE_UNAVAILABLE'],
  [new Error('Connection terminated unexpectedly'), 'DATABASE_UNAVAILABLE'],
  [new Error('timeout exceeded when trying to connect'), 'DATABASE_UNAVAILABLE'],
  [{ code: '23505' }, undefined],
  [{ code: '57014' }, undefined],
  [new Error('anything else'), undefined],
  [undefined, undefined],
])('%j is %s', (error, code) => {
  expect(databaseErrorOf(error)?.code).toBe(code);
});
