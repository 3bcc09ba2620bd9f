import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { JOBS_LINK } from '@tidemark/contracts';
import { fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { apiTokens, ROLES } from '../callers/api-tokens.js';
import { parseJobListQuery } from '../jobs/job-list-query.js';
import { idempotencyKey } from './idempotency.js';
import { parsePreferences } from './prefer.js';

const NONE = { code: 'PARAMETER_INVALID' } as const;

test('Prefer is never refused, and what is applied of it reads the same', async () => {
  const headers = textOf(
    ['wait', 'respond-async', '=', '"', '\\', ',', ';', ' ', '\t', '10', '600', 'x', 'WAIT=5'],
    20,
  );
  await fuzz('prefer', headers, async (header) => {
    await Promise.resolve();
    const { waitSeconds, applied } = parsePreferences(header);
    if (waitSeconds !== undefined)
      expect(Number.isInteger(waitSeconds) && waitSeconds >= 0 && waitSeconds <= 600).toBe(true);
    if (applied === undefined) return NONE;
    expect(parsePreferences(applied)).toEqual({ waitSeconds, applied });
    return { value: applied };
  });
});

test('an idempotency key that is taken is as it was sent', async () => {
  const key = fc.oneof(textOf(['a', ' ', '-', 'é', '\x7f', 'x'.repeat(90)]), fc.stringMatching(/^[ -~]{1,200}$/));
  await fuzz('idempotency key', fc.array(key, { maxLength: 2 }), async (values) => {
    const outcome = await outcomeOf(() => idempotencyKey(values));
    if ('code' in outcome) expect(outcome.code).toBe('PARAMETER_INVALID');
    else expect([[outcome.value], /^[ -~]{1,200}$/.test(values[0] ?? '')]).toEqual([values, true]);
    return outcome;
  });
});

const states = [
  'QUEUED',
  'FAILED',
  'state=',
  'state=QUEUED',
  'operation=',
  'BACKUP',
  '$limit=',
  '$page=',
  '__proto__=',
];
const query = textOf(
  [...states, '&', ',', '%', '+', '1', '1000', '1001', '9007199254740992', 'constructor', 'x=%zz'],
  12,
);

test('a list of jobs that is given links to its next page, which is asked for in the same way', async () => {
  await fuzz('job list query', query, async (raw) => {
    const outcome = await outcomeOf(() => parseJobListQuery(raw));
    if ('code' in outcome) {
      expect(outcome.code).toBe('PARAMETER_INVALID');
      return outcome;
    }
    const { limit, after = 1, states: wanted, operation } = outcome.value;
    expect(limit >= 1 && limit <= 1000 && after >= 1 && Number.isSafeInteger(after)).toBe(true);
    const next = outcome.value.nextPageLink(77);
    expect(next.startsWith(`${JOBS_LINK}?`)).toBe(true);
    expect(parseJobListQuery(next.slice(JOBS_LINK.length + 1))).toMatchObject({
      limit,
      after: 77,
      states: wanted,
      operation,
    });
    return outcome;
  });
});

const token = 'a'.repeat(16);
const setting = textOf(
  ['a', ':', ',', ' ', 'reader', 'operator', 'constructor', token, `me:writer:${token}`, '=', '\n'],
  9,
);

test('tokens that are taken are entries of a name, a role and a token; a complaint shows none of it', async () => {
  await fuzz('TIDEMARK_API_TOKENS', setting, async (text) => {
    await Promise.resolve();
    const { success, data, error } = apiTokens.safeParse(text);
    if (!success) {
      expect(error.message).not.toContain(token);
      return NONE;
    }
    expect(data).toHaveLength(text.split(',').length);
    for (const entry of data) {
      expect(ROLES).toContain(entry.role);
      expect(entry.name).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
      expect(entry.hash).toHaveLength(32);
    }
    return { value: data };
  });
});
