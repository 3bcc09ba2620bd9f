import { expect, test } from '@jest/globals';

import { entryWith } from '@tidemark/nest';

import { apiTokens, mayAct, ROLES } from './api-tokens.js';

const [ONE, TWO] = ['0123456789abcdef', 'fedcba9876543210-._~+/=='];

test('each entry names a caller, what it may do, and its token', () => {
  const tokens = apiTokens.parse(`night-shift:operator:${ONE}, look.er_2:reader:${TWO}`);
  expect(entryWith(ONE, tokens)).toMatchObject({ name: 'night-shift', role: 'operator' });
  expect(entryWith(TWO, tokens)).toMatchObject({ name: 'look.er_2', role: 'reader' });
  for (const wrong of ['', ONE.slice(1), `${ONE}0`, ONE.toUpperCase(), 'night-shift']) {
    expect(entryWith(wrong, tokens)).toBeUndefined();
  }
  expect(JSON.stringify(tokens)).not.toMatch(new RegExp(`${ONE}|fedcba`));
});

test('one caller may have several tokens, so that one can take the place of another', () => {
  const tokens = apiTokens.parse(`a:writer:${ONE},a:writer:${TWO}`);
  expect([ONE, TWO].map((token) => entryWith(token, tokens)?.name)).toEqual(['a', 'a']);
});

test.each([
  'secret',
  'secret:operator',
  `secret:${ONE}`,
  `a:admin:${ONE}secret`,
  `a:Reader:${ONE}secret`,
  ':reader:0123456789secret',
  'a b:reader:0123456789secret',
  'a:reader:secret 0123456789abc',
  'a:reader:secret:0123456789abc',
  `a:reader:${ONE}secret,`,
])('%s is refused without being shown', (entry) => {
  const { error } = apiTokens.safeParse(`ok:reader:${ONE},${entry}`);
  expect(error?.issues.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^entry [23] must be name:role:token/),
  ]);
});

test.each(['a:reader:only15characte', `a:reader:${'x'.repeat(1001)}`])('%s is no token for its length', (entry) => {
  expect(apiTokens.safeParse(entry).success).toBe(false);
});

test('a token belongs to one caller', () => {
  const { error } = apiTokens.safeParse(`a:reader:${ONE},b:writer:${ONE}`);
  expect(error?.issues).toMatchObject([{ message: 'entry 2 has the token of another one' }]);
});

test('each role may what those before it may', () => {
  const may = ROLES.map((role) => ROLES.filter((wanted) => mayAct(role, wanted)));
  expect(may).toEqual([['reader'], ['reader', 'writer'], ['reader', 'writer', 'operator']]);
});
