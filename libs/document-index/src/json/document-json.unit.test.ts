import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { TooLargeError } from '@tidemark/contracts';

import { DocumentInvalidError } from '../errors.js';
import { documentText, parseDocument } from './document-json.js';
import { mergePatch } from './merge-patch.js';

const bytes = (text: string): Buffer => Buffer.from(text);

test('built-in fields are taken out of the body, the rest stays as written', () => {
  const sent = `{ "n": 0.10, "documentVersion": 99, "documentSelfLink": "/a", "documentKind": "k",
    "documentUpdateTimeMicros": "x", "documentUpdateAction": "DELETE", "documentExpirationTimeMicros": 5, "documentOwner": "o" }`;
  expect(parseDocument(bytes(sent))).toEqual({
    body: '{"n":0.10,"documentOwner":"o"}',
    kind: 'k',
    expirationTimeMicros: 5,
    selfLink: '/a',
    updateAction: 'DELETE',
  });
});

test('the text of a version is its own fields and the built-in ones', () => {
  const version = {
    link: '/a/b',
    version: 3,
    updateTimeMicros: 1795384850922000,
    updateAction: 'PUT' as const,
    kind: null,
    expirationTimeMicros: null,
    body: '{}',
  };
  expect(documentText(version)).toBe(
    '{"documentVersion":3,"documentSelfLink":"/a/b","documentUpdateTimeMicros":1795384850922000,"documentUpdateAction":"PUT"}',
  );
  expect(documentText({ ...version, body: '{"n":1e400}', kind: 'k"', expirationTimeMicros: 0 })).toBe(
    '{"n":1e400,"documentVersion":3,"documentKind":"k\\"","documentSelfLink":"/a/b",' +
      '"documentUpdateTimeMicros":1795384850922000,"documentUpdateAction":"PUT","documentExpirationTimeMicros":0}',
  );
});

test.each([
  ['not JSON', bytes('{')],
  ['not an object', bytes('"a"')],
  ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['a lone surrogate as bytes', Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
  ['a NUL byte', bytes('{"a":"\0"}')],
  ['a byte order mark', bytes('\ufeff{}')],
  ['a kind that is no string', bytes('{"documentKind":1}')],
  ['a kind with a NUL', bytes('{"documentKind":"\\u0000"}')],
  ['a kind with a lone surrogate', bytes('{"documentKind":"\\udc00"}')],
  ['a link that is no string', bytes('{"documentSelfLink":{}}')],
  ['an expiration with a fraction', bytes('{"documentExpirationTimeMicros":1.5}')],
  ['a negative expiration', bytes('{"documentExpirationTimeMicros":-1}')],
  ['an expiration beyond what a number holds', bytes('{"documentExpirationTimeMicros":9007199254740992}')],
])('%s is refused', (_, sent) => {
  expect(() => parseDocument(sent)).toThrow(DocumentInvalidError);
});

test('a document of more than 1 MiB is refused by its size', () => {
  expect(() => parseDocument(bytes(`{"a":"${'x'.repeat(1 << 20)}"}`))).toThrow(TooLargeError);
});

test('escaped lone surrogates and NUL stay escaped', () => {
  expect(parseDocument(bytes('{"a":"\\ud800 \\u0000"}')).body).toBe('{"a":"\\ud800 \\u0000"}');
});

/** The examples of RFC 7396, appendix A, that are about objects. */
test.each([
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  [
    '{"n":1e400,"o":{"p":0.10}}',
    '{"o":{"q":12345678901234567890}}',
    '{"n":1e400,"o":{"p":0.10,"q":12345678901234567890}}',
  ],
])('merging %s with %s gives %s', (target, patch, merged) => {
  expect(mergePatch(target, patch)).toBe(merged);
});

test('merging agrees with the definition of RFC 7396 over parsed values', () => {
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.jsonValue({ maxDepth: 3 }));
  fc.assert(
    fc.property(object, object, (target, patch) => {
      const merged: unknown = JSON.parse(mergePatch(JSON.stringify(target), JSON.stringify(patch)));
      expect(merged).toEqual(definition(JSON.parse(JSON.stringify(target)), JSON.parse(JSON.stringify(patch))));
    }),
  );
});

function definition(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, definition(result.get(name), value));
  }
  return Object.fromEntries(result);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
