import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { fuzz, textOf } from '@tidemark/testing';

import { maskBody, maskSecrets } from './mask-secrets.js';

const pieces = [
  '"bearer":"',
  'token=',
  "'",
  '"',
  '\\',
  '://',
  'http://',
  'amqp://',
  '@',
  '?',
  '#',
  ' ',
  '{',
  '}',
  '[',
  ',',
  'a.',
];
/** What follows is the secret: of it nothing may be seen. */
const leads = [
  '{"bearer":"',
  '{"a":1,"token" : "',
  'x amqp://me:',
  'x https://me:',
  'x http://h/a?',
  'Authorization: Bearer ',
];
const ends = ['"}', '"', '@h/a', ' ', ''];
const inputs = fc.tuple(textOf(pieces, 12), fc.constantFrom(...leads), fc.constantFrom(...ends));

test('what is masked stays masked, and grows little', async () => {
  await fuzz('masking', inputs, async ([before, lead, end]) => {
    await Promise.resolve();
    const text = `${before}\n${lead}s3cret-s3cret${lead.includes('me:') ? '@h' : ''}${end}`;
    for (const shown of [maskSecrets(text), maskBody(text).masked]) {
      expect(shown.length).toBeLessThanOrEqual(4 * text.length + 16);
      expect(maskBody(shown).masked.length).toBeLessThanOrEqual(4 * shown.length + 16);
    }
    if (!/["'\\]/.test(before)) expect(maskSecrets(text)).not.toContain('s3cret-s3cret');
    return { value: text };
  });
});
