import { expect, test } from '@jest/globals';

import { errnoOf, isDiskFull, unlessMissing } from './system-errors.js';

const failure = (code: unknown): unknown => Object.assign(new Error(String(code)), { code });

test('the code of a system error is told, of any other error none', () => {
  expect(errnoOf(failure('ENOENT'))).toBe('ENOENT');
  const others = [failure(404), new Error('x'), 'ENOENT', null, undefined];
  expect(others.map(errnoOf)).toEqual(others.map(() => undefined));
});

test('a disk is full or not', () => {
  expect(['ENOSPC', 'EDQUOT', 'EACCES'].map((code) => isDiskFull(failure(code)))).toEqual([true, true, false]);
});

test('what is missing is undefined, and what is wrong is thrown', async () => {
  expect(await unlessMissing(Promise.resolve(1))).toBe(1);
  await expect(unlessMissing(Promise.reject(failure('ENOENT') as Error))).resolves.toBe(undefined);
  await expect(unlessMissing(Promise.reject(failure('EACCES') as Error))).rejects.toThrow('EACCES');
});
