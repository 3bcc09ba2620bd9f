import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { maskBody, maskSecrets } from './mask-secrets.js';

/** Milliseconds. */
const MINUTES_IF_SQUARED = 10_000;

test.each([
  ['{"bearer":"s3cret","a":1}', '{"bearer":"***","a":1}'],
  ['{"be\\u0061rer":"s3cret"}', '{"bearer":"***"}'],
  ['[{"x":{"bearer":"s3cret"}}]', '[{"x":{"bearer":"***"}}]'],
  ['{"Bearer":["s3cret"]}', '{"Bearer":"***"}'],
  ['{"bearer":31415926}', '{"bearer":"***"}'],
  ['{"bearer":null}', '{"bearer":null}'],
  ['{"bearer" : "s3\\"cret", ', '{"bearer" : "***", '],
  ['{"bearer":"s3cret', '{"bearer":"***'],
  [
    '{"err":{"config":{"headers":{"Authorization":"Basic s3cret"}}}}',
    '{"err":{"config":{"headers":{"Authorization":"***"}}}}',
  ],
  ['{"x-tidemark-grant":"s3cret"}', '{"x-tidemark-grant":"***"}'],
  ['{"destination":"https://h/a?sig=s3cret#x"}', '{"destination":"https://h/a?***#x"}'],
  ['{"destination":"https://h/a?sig=s3\\u0063ret"}', '{"destination":"https://h/a?***"}'],
  ['{"msg":"\\"http://h/a?b=s3cret\\" failed"}', '{"msg":"\\"http://h/a?***\\" failed"}'],
  ['"HTTPS:\\/\\/user:s3cret@h\\/a?b"', '"HTTPS://***@h/a?***"'],
  ['broken "HTTPS:\\/\\/user:s3cret@h\\/a?b=\\u0073" {', 'broken "HTTPS:\\/\\/***@h\\/a?***" {'],
  ['broken {"m":"\\"http://h/a?s3cret\\" failed', 'broken {"m":"\\"http://h/a?***\\" failed'],
  ['GET http://u@h/a?s3cret failed', 'GET http://***@h/a?*** failed'],
  ['cannot connect to postgres://me:s3cret@h/db', 'cannot connect to postgres://***@h/db'],
  ['cannot connect to amqps://me:s3/c?r#e@t@h:5671/v', 'cannot connect to amqps://***@h:5671/v'],
  ['postgres://a@b:s3cret@h/x://u:s3cret@i/@', 'postgres://***@'],
  ['1a.b://me:s3cret@h?s3cret', '1a.b://***@h?***'],
  ['sent Authorization: Bearer s3cret-s3cret+/==', 'sent Authorization: Bearer ***'],
  ['{"mail":"me@example.org","why?":"because"}', '{"mail":"me@example.org","why?":"because"}'],
  ['at file:///srv/node_modules/@nestjs/core.js:3:4', 'at file:///srv/node_modules/@nestjs/core.js:3:4'],
  ['{"n":12345678901234567890}', '{"n":12345678901234567890}'],
])('%s is shown as %s', (text, shown) => {
  expect(maskSecrets(text)).toBe(shown);
});

test.each([
  ['{"kind":"k","bearer":s3cret}', '{"kind":"k","bearer":***}'],
  ["{'kind':'k','bearer':'s3\\'cret','a':1}", "{'kind':'k','bearer':***,'a':1}"],
  ['{kind:"k",bearer:"s3cret",a:1}', '{kind:"k",bearer:***,a:1}'],
  ['{"bearer":["x","s3cret"],"a":1', '{"bearer":***],"a":1'],
  ['{"bearer":{"x":"s3cret"},"a":1', '{"bearer":***},"a":1'],
  ['kind=k&bearer=s3cret', 'kind=k&bearer=***'],
  ['{"bearer":"s3cret', '{"bearer":***'],
  ['{"bearer":"s3cret","a":1}]', '{"bearer":***,"a":1}]'],
])('a body that is no JSON: %s is shown as %s', (text, masked) => {
  expect(maskBody(text)).toEqual({ masked, isJson: false });
});

test.each(['a.', 'a://', 'amqp://', 'a:\\/\\/', 'http://a@', '"token":"', 'token:[', 'Bearer  ', '"\\'])(
  'a MiB of %s takes no longer than its length',
  (piece) => {
    const text = piece.repeat(2 ** 20 / piece.length);
    const begun = performance.now();
    expect(maskBody(text).isJson).toBe(false);
    expect(maskSecrets(`${text} http://me:s3cret@h/a?s3cret`)).not.toContain('s3cret');
    expect(performance.now() - begun).toBeLessThan(MINUTES_IF_SQUARED);
  },
);

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

test('what is JSON stays JSON, wherever in it a URL stands', () => {
  const url = fc.webUrl({ withQueryParameters: true });
  fc.assert(
    fc.property(fc.jsonValue(), url, fc.string(), (value, href, around) => {
      const text = JSON.stringify({ value, message: `${around}"${href}"${around}` });
      expect(() => JSON.parse(maskSecrets(text)) as unknown).not.toThrow();
    }),
  );
});
