import { expect, test } from '@jest/globals';

import { FailedAttempts, MAX_FAILED } from './failed-attempts.js';

let nowMillis = 0;
const failed = new FailedAttempts({ nowMicros: () => nowMillis * 1000, monotonicMillis: () => nowMillis });

function fail(address: string, times: number): void {
  for (let n = 0; n < times; n++) failed.add(address);
}

test('an address waits after its last attempt for the rest of the minute, and then has all of them again', () => {
  fail('10.0.0.1', MAX_FAILED - 1);
  expect(failed.waitSeconds('10.0.0.1')).toBe(0);
  nowMillis += 20_500;
  fail('10.0.0.1', 1);
  expect(failed.waitSeconds('10.0.0.1')).toBe(40);
  expect(failed.waitSeconds('10.0.0.2')).toBe(0);
  nowMillis += 39_499;
  expect(failed.waitSeconds('10.0.0.1')).toBe(1);
  nowMillis += 1;
  expect(failed.waitSeconds('10.0.0.1')).toBe(0);
  fail('10.0.0.1', MAX_FAILED - 1);
  expect(failed.waitSeconds('10.0.0.1')).toBe(0);
});

test.each([
  ['2001:db8::1', '2001:db8:0:0:ffff::9', true],
  ['2001:db8:1::', '2001:db8:1:0:1:2:3:4', true],
  ['2001:db8:2:0::1', '2001:db8:2:1::1', false],
  ['fe80::1', 'fe80::2', true],
  ['::1', '::2', true],
  ['::ffff:10.0.1.1', '10.0.1.1', true],
  ['::ffff:10.0.1.3', '::ffff:10.0.1.4', false],
])('%s and %s are one caller: %s', (one, other, isOne) => {
  nowMillis += 60_000;
  fail(one, MAX_FAILED);
  expect(failed.waitSeconds(one)).toBe(60);
  expect(failed.waitSeconds(other) > 0).toBe(isOne);
});

test('no more than ten thousand addresses are kept, those that failed first are forgotten', () => {
  nowMillis += 60_000;
  fail('first', MAX_FAILED);
  for (let n = 0; n < 9_999; n++) failed.add(`address-${n}`);
  expect(failed.waitSeconds('first')).toBe(60);
  failed.add('one more');
  expect(failed.waitSeconds('first')).toBe(0);
});
