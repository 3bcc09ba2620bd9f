import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { maskSecrets } from './mask-secrets.js';

test.each([
  ['{"bearer":"s3cret","a":1}', '{"bearer":"***","a":1}'],
  ['{"be\\u0061rer":"s3cret"}', '{"bearer":"***"}'],
  ['[{"x":{"bearer":"s3cret"}}]', '[{"x":{"bearer":"***"}}]'],
  ['{"bearer" : "s3\\"cret", ', '{"bearer" : "***", '],
  ['{"bearer":"s3cret', '{"bearer":"***'],
  ['{"destination":"https://h/a?sig=s3cret#x"}', '{"destination":"https://h/a?***#x"}'],
  ['"HTTPS:\\/\\/user:s3cret@h\\/a?b"', '"HTTPS:\\/\\/***@h\\/a?***"'],
  ['GET http://u@h/a?s3cret failed', 'GET http://***@h/a?*** failed'],
  ['{"mail":"me@example.org","why?":"because"}', '{"mail":"me@example.org","why?":"because"}'],
  ['{"n":12345678901234567890}', '{"n":12345678901234567890}'],
])('%s is shown as %s', (text, shown) => {
  expect(maskSecrets(text)).toBe(shown);
});

test('a bearer is never shown, wherever it stands in what JSON value', () => {
  const secret = fc.string({ minLength: 8 }).filter((text) => /^\w+$/.test(text));
  fc.assert(
    fc.property(fc.jsonValue(), secret, (value, bearer) => {
      const text = JSON.stringify({ value: [value, { bearer: `<${bearer}>` }] });
      expect(maskSecrets(text)).not.toContain(`<${bearer}>`);
      expect(maskSecrets(text.slice(0, -2))).not.toContain(`<${bearer}>`);
    }),
  );
});
