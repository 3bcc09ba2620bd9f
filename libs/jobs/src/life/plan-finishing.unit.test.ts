import { describe, expect, test } from '@jest/globals';

import { planFinishing, verdictOnUnchanged } from './plan-finishing.js';
import { FILE_EFFECT, NOW, seen, storedJob, SWITCH_EFFECT } from './stored-job.fixture.test.js';

const REQUEST = { fence: 1, effect: FILE_EFFECT, warnings: ['b', 'c'] };

describe('finishing', () => {
  test('stores the effect, and each warning once', () => {
    expect(planFinishing(seen({ state: 'RUNNING', warnings: ['a', 'b'] }), REQUEST)).toEqual({
      state: 'FINISHING',
      phase: 'DELIVERING',
      effect: FILE_EFFECT,
      warnings: ['a', 'b', 'c'],
      rungAtMicros: NOW,
    });
    const restore = seen({ state: 'RUNNING', operation: 'RESTORE' });
    expect(planFinishing(restore, { fence: 1, effect: SWITCH_EFFECT })).toMatchObject({ phase: 'SWITCHING' });
  });

  test.each([
    ['another fence', seen({ state: 'RUNNING', fence: 2 })],
    ['an effect of the other operation', seen({ state: 'RUNNING', operation: 'RESTORE' })],
    ['a job that is being cancelled', seen({ state: 'CANCELLING' })],
    ['a job whose effect is stored', seen({ state: 'FINISHING', effect: FILE_EFFECT })],
    ['a job that is queued', seen({ state: 'QUEUED', fence: 1 })],
  ])('changes nothing with %s', (_, at) => {
    expect(planFinishing(at, REQUEST)).toBeUndefined();
  });

  test('is answered by what the job is', () => {
    const verdictOf = (given: Parameters<typeof storedJob>[0]): string => verdictOnUnchanged(storedJob(given), REQUEST);
    const { kind, ...rest } = FILE_EFFECT;
    expect(verdictOf({ state: 'FINISHING', effect: { ...rest, kind } })).toBe('GO');
    expect(verdictOf({ state: 'FINISHING', effect: { ...FILE_EFFECT, temp: 'other' } })).toBe('LOST');
    expect(verdictOf({ state: 'FINISHING', effect: FILE_EFFECT, fence: 2 })).toBe('LOST');
    expect(verdictOf({ state: 'CANCELLING' })).toBe('CANCEL');
    expect(verdictOf({ state: 'CANCELLING', fence: 2 })).toBe('LOST');
    expect(verdictOf({ state: 'SUCCEEDED', fence: 1 })).toBe('LOST');
    expect(verdictOnUnchanged(undefined, REQUEST)).toBe('LOST');
  });
});
