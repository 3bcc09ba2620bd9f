import { describe, expect, test } from '@jest/globals';

import { ERRORS, type ErrorCode } from '@tidemark/contracts';

import { backOffAfter, FIVE_ATTEMPTS, isMendable, maxAttempts } from './retry-rule.js';

describe('the retry rule', () => {
  test('is five attempts, 1, 5, 25 and 60 seconds apart', () => {
    expect(maxAttempts(FIVE_ATTEMPTS)).toBe(5);
    expect([1, 2, 3, 4].map((attempt) => backOffAfter(FIVE_ATTEMPTS, attempt))).toEqual([1, 5, 25, 60]);
  });

  test('keeps the longest pause for a job that is tried for ever', () => {
    expect(backOffAfter(FIVE_ATTEMPTS, 5)).toBe(60);
    expect(backOffAfter({ backOffSeconds: [] }, 1)).toBe(0);
  });

  test('takes what can be mended from the closed table of errors', () => {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    const mendable = codes.filter((code) => isMendable(code, 'RUNNING'));
    expect(mendable).toEqual(codes.filter((code) => ERRORS[code].retriable));
    expect(mendable).toEqual(expect.arrayContaining(['DESTINATION_TIMEOUT', 'DELIVERY_LOST', 'SPOOL_FULL']));
    expect(mendable).not.toContain('ARCHIVE_DAMAGED');
  });

  test('gives a lost delivery up once its effect is stored', () => {
    expect(isMendable('DELIVERY_LOST', 'FINISHING')).toBe(false);
    expect(isMendable('DESTINATION_TIMEOUT', 'FINISHING')).toBe(true);
  });
});
