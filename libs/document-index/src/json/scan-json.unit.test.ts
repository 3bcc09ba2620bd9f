import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { MAX_DOCUMENT_DEPTH } from '@tidemark/contracts';

import { compactJson, JsonSyntaxError, scanObject } from './scan-json.js';

describe('scanObject', () => {
  test('gives the members as written', () => {
    expect(scanObject(' {"a" : 12345678901234567890 , "b\\u0041":[ 1e400, 0.10 ],"c":"\\ud800\\u0000" }\n')).toEqual([
      { name: 'a', key: '"a"', value: '12345678901234567890' },
      { name: 'bA', key: '"b\\u0041"', value: '[ 1e400, 0.10 ]' },
      { name: 'c', key: '"c"', value: '"\\ud800\\u0000"' },
    ]);
  });

  test('accepts what JSON.parse accepts and refuses what it refuses', () => {
    const fragment = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '"a"',
        '"b"',
        '\\',
        '\\u12',
        '\\n',
        'true',
        'null',
        'nul',
        '0',
        '-',
        '1',
        '.5',
        'e',
        'E+2',
        ' ',
        '\n',
        '\t',
        '\u0001',
        '\u007f',
        'é',
        '\u00a0',
      ],
    );
    const accepts = (parse: () => unknown): boolean => {
      try {
        parse();
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), (fragments) => {
        const text = `{"k":${fragments.join('')}}`;
        const duplicates: unknown[] = [];
        const ours = accepts(() => {
          try {
            scanObject(text);
          } catch (error) {
            if (error instanceof JsonSyntaxError && error.reason.includes('twice')) duplicates.push(error);
            throw error;
          }
        });
        if (duplicates.length === 0) expect([text, ours]).toEqual([text, accepts(() => JSON.parse(text))]);
      }),
      { numRuns: 20000 },
    );
  });

  test('round-trips any JSON object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
        fc.constantFrom(0, 2, '\t'),
        (object, indent) => {
          const text = JSON.stringify(object, null, indent);
          const again = `{${scanObject(text)
            .map(({ key, value }) => `${key}:${compactJson(value)}`)
            .join(',')}}`;
          expect(again).toBe(JSON.stringify(object));
        },
      ),
    );
  });

  test.each([
    ['{"a":1,"a":2}', 'the name "a" comes twice at position 7'],
    ['{"x":{"a":1,"\\u0061":2}}', 'the name "\\u0061" comes twice'],
    ['[{"a":1}]', 'expected an object'],
    ['', 'expected an object'],
    ['\ufeff{}', 'expected an object'],
    ['{} {}', 'unexpected text after the object'],
    ['{"a":01}', 'expected , or }'],
    ['{"a":"\u0000"}', 'a string with a bad escape, a control character or no end'],
    ['{"a":1', 'expected , or }'],
    ['{"a":', 'expected a value'],
    ['{"a":1,}', 'expected a name in quotes'],
  ])('refuses %j', (text, message) => {
    expect(() => scanObject(text)).toThrow(JsonSyntaxError);
    expect(() => scanObject(text)).toThrow(message);
  });

  test('a name of the prototype is a name like any other', () => {
    expect(scanObject('{"__proto__":{"a":1},"constructor":2}').map(({ name }) => name)).toEqual([
      '__proto__',
      'constructor',
    ]);
  });

  test('finds a duplicate among many names', () => {
    const names = Array.from({ length: 500 }, (_, i) => `"n${i}":0`);
    expect(scanObject(`{${names.join(',')}}`)).toHaveLength(500);
    expect(() => scanObject(`{${names.join(',')},"n123":1}`)).toThrow('comes twice');
  });

  test('blanks of what is no JSON take no time either', () => {
    const text = ` ${'"\\'.repeat(2 ** 19)}`;
    const begun = performance.now();
    expect(compactJson(text)).toBe(text.slice(1));
    expect(performance.now() - begun).toBeLessThan(10_000); // minutes, if each quote began a search to the end
  });

  test('depth is bounded and long tokens are not', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(scanObject(`{"a":${nested(MAX_DOCUMENT_DEPTH - 1)}}`)).toHaveLength(1);
    expect(() => scanObject(`{"a":${nested(MAX_DOCUMENT_DEPTH)}}`)).toThrow('levels');
    expect(() => scanObject(`{"a":${'['.repeat(1_000_000)}`)).toThrow('levels');
    const long = [`"${'x'.repeat(1 << 20)}"`, `"${'\\n'.repeat(1 << 19)}"`, '9'.repeat(1 << 20)];
    for (const value of long) expect(compactJson(scanObject(` {"a" : ${value} } `)[0]!.value)).toBe(value);
  });
});
