import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { ArchiveDamagedError, ArchiveForeignError, ArchiveVersionUnknownError, ContentUnfitError } from '../errors.js';
import { HEADER } from '../testing/archives.test.js';
import { jsonShape, membersOf } from './json-shape.js';
import { formatManifest, makeManifest, parseManifest } from './manifest.js';
import type { Manifest } from './manifest-schema.js';

const FACTS = {
  rows: 2,
  bytes: 50,
  rawBytes: 60,
  sha256: 'ab'.repeat(32),
  minUpdateTimeMicros: 5,
  maxUpdateTimeMicros: 9,
};
const MANIFEST = makeManifest(HEADER, [FACTS, { ...FACTS, maxUpdateTimeMicros: 11 }], { documents: 3 });

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  return '';
}

function parse(value: unknown): Manifest {
  return parseManifest(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
}

describe('the manifest', () => {
  test('is text with one field a line and one part a line, and comes back as it was', () => {
    const text = formatManifest(MANIFEST);
    expect(parse(text)).toEqual(MANIFEST);
    expect(text.split('\n').slice(0, 4)).toEqual([
      '{',
      '  "format": "tidemark-archive",',
      '  "formatVersion": 1,',
      '  "createdAtMicros": 1000000,',
    ]);
    expect(text.split('\n').filter((line) => line.includes('parts/'))).toHaveLength(2);
    expect(text.endsWith('  "base": null\n}\n')).toBe(true);
  });

  test('of no parts comes back as it was', () => {
    const empty = makeManifest(HEADER, [], { documents: 0 });
    expect(parse(formatManifest(empty))).toEqual(empty);
  });

  test('may be of documents that are all deleted', () => {
    const deleted = makeManifest(HEADER, [FACTS], { documents: 0 });
    expect(parse(formatManifest(deleted))).toEqual(deleted);
  });

  test('keeps any text of its header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const manifest = makeManifest({ ...HEADER, index: { ...HEADER.index, name: text } }, [], { documents: 0 });
        expect(parse(formatManifest(manifest)).index.name).toBe(text);
      }),
    );
  });

  test('is not made of facts that no archive has', () => {
    expect(() => makeManifest(HEADER, [{ ...FACTS, rows: -1 }], { documents: 1 })).toThrow(ContentUnfitError);
    expect(() => makeManifest(HEADER, [FACTS], { documents: 3 })).toThrow('totals.documents: more documents');
  });
});

describe('a manifest that breaks a rule', () => {
  const { totals, history, snapshot, columns, parts } = MANIFEST;
  const [first, second] = parts;
  test.each<[string, object, string]>([
    ['an unknown field', { more: 1 }, 'more'],
    ['an unknown field of a long name', { ['a'.repeat(8_000)]: 1 }, 'aaaa'],
    ['a longer text than any may be', { ['a'.repeat(8_193)]: 1 }, 'it has a text of over 8192 bytes'],
    ['no parts', { parts: undefined }, 'parts: not a list'],
    ['over 20,000 parts', { parts: Array.from({ length: 20_001 }, () => first!) }, 'parts: over 20000'],
    ['a missing field', { totals: undefined }, 'totals'],
    ['an unknown field of a part', { parts: [{ ...first!, more: 1 }, second!] }, 'parts.0'],
    ['a base', { base: 'other' }, 'base'],
    ['another compression', { compression: 'gzip' }, 'compression'],
    ['a time that is no number', { createdAtMicros: '1' }, 'createdAtMicros'],
    ['a negative time', { snapshot: { ...snapshot, closedTimeMicros: -1 } }, 'snapshot.closedTimeMicros'],
    ['a column less', { columns: columns.slice(1) }, 'columns'],
    ['columns in another order', { columns: [...columns].reverse() }, 'columns'],
    ['a column of another type', { columns: [{ name: 'link', type: 'json' }, ...columns.slice(1)] }, 'columns'],
    ['another number of versions', { totals: { ...totals, versions: 5 } }, 'totals.versions'],
    ['another number of bytes', { totals: { ...totals, bytes: 119 } }, 'totals.bytes'],
    ['more documents than versions', { totals: { ...totals, documents: 5 } }, 'totals.documents'],
    ['an earlier first stamp', { history: { ...history, earliestUpdateTimeMicros: 4 } }, 'history'],
    ['no last stamp', { history: { ...history, latestUpdateTimeMicros: null } }, 'history'],
    ['a stamp after the closed time', { snapshot: { ...snapshot, closedTimeMicros: 10 } }, 'history: goes on after'],
    ['parts in another order', { parts: [second!, first!] }, 'parts[0]: its name'],
    ['a part twice', { parts: [first!, first!] }, 'parts[1]: its name'],
    ['a name that leads out', { parts: [{ ...first!, name: '../../etc/passwd' }, second!] }, 'parts[0]: its name'],
    [
      'a part without rows',
      {
        parts: [
          { ...first!, rows: 0 },
          { ...second!, rows: 4 },
        ],
      },
      'parts[0]: it has no rows',
    ],
    ['a part of 2 GiB', { parts: [{ ...first!, bytes: 2 ** 31 }, second!] }, 'parts[0]: over'],
    ['a SHA-256 in capitals', { parts: [{ ...first!, sha256: 'AB'.repeat(32) }, second!] }, 'parts.0.sha256'],
  ])('%s', (_name, change, message) => {
    expect(() => parse({ ...MANIFEST, ...change })).toThrow(ArchiveDamagedError);
    expect(() => parse({ ...MANIFEST, ...change })).toThrow(message);
  });

  test('says so shortly', () => {
    const unknown = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${'more'.repeat(100)}${index}`, 1]));
    expect(messageOf(() => parse({ ...MANIFEST, ...unknown })).length).toBeLessThan(500);
  });

  test.each([
    ['of the whole', '"base": null', '"base": null, "base": null'],
    ['of a part', '"rows":2', '"rows":1,"rows":2'],
    ['of no name of its own', '"base": null', '"base": null, "__proto__": 1'],
  ])('a field twice %s', (_name, once, twice) => {
    expect(() => parse(formatManifest(MANIFEST).replace(once, twice))).toThrow(ArchiveDamagedError);
  });

  test.each([
    ['lists', '[]', 'parts'],
    ['objects', '{}', 'parts'],
    ['numbers', '0', 'parts'],
    ['columns', '{}', 'columns'],
  ])('by millions of %s is refused before they are made', (_name, value, field) => {
    const many = `${`${value},`.repeat(5_000_000)}${value}`;
    const text = `{"format":"tidemark-archive","formatVersion":1,"${field}":[${many}]}`;
    expect(() => parse(text)).toThrow('it has over 160100 values');
  });

  test.each<[string, number, string]>([
    ['more rows than a part may have', 2 ** 30 + 1, 'bytes of rows'],
    ['more rows than its bytes can hold', 50 * 32768 + 1, 'more rows than its bytes can hold'],
  ])('%s', (_name, rawBytes, message) => {
    const bytes = rawBytes > 2 ** 30 ? 2 ** 20 : 50;
    const change = {
      parts: [{ ...first!, rawBytes, bytes }, second!],
      totals: { ...totals, bytes: rawBytes + 60 },
    };
    expect(() => parse({ ...MANIFEST, ...change })).toThrow(message);
  });
});

describe('a manifest that is something else', () => {
  test.each<[string, string | Buffer]>([
    ['no JSON', '{"format": "tidemark-archive",'],
    ['nothing', ''],
    ['no UTF-8', Buffer.from('7b22c3287d', 'hex')],
    ['marked with a byte order mark', `\ufeff${JSON.stringify(MANIFEST)}`],
    ['followed by more', `${JSON.stringify(MANIFEST)}{}`],
    ['nested very deep', `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`],
    ['nested a little too deep', JSON.stringify({ ...MANIFEST, base: [[[[[[[[1]]]]]]]] })],
    ['of a version that is text', JSON.stringify({ ...MANIFEST, formatVersion: '1' })],
    ['of version 0', JSON.stringify({ ...MANIFEST, formatVersion: 0 })],
    ['of no version', JSON.stringify({ ...MANIFEST, formatVersion: undefined })],
  ])('%s is damaged', (_name, text) => {
    expect(() => parseManifest(Buffer.from(text))).toThrow(ArchiveDamagedError);
  });

  test.each(['{}', 'null', '1', '[]', '{"format":"other"}', '{"name":"an extension","manifest_version":3}'])(
    '%s is foreign',
    (text) => {
      expect(() => parse(text)).toThrow(ArchiveForeignError);
    },
  );

  test('of a newer version says which versions', () => {
    const newer = { format: 'tidemark-archive', formatVersion: 2, whatever: { is: 'new' } };
    expect(() => parse(newer)).toThrow(ArchiveVersionUnknownError);
    expect(() => parse(newer)).toThrow(/version 2.*version 1/);
  });
});

describe('jsonShape', () => {
  const shapeOf = (text: string): object => jsonShape(Buffer.from(text));

  test('counts what is outside of strings', () => {
    expect(shapeOf('[[1]]')).toMatchObject({ levels: 2 });
    expect(shapeOf('{"[[[[:,": "\\"[[[[:,\\\\"}')).toMatchObject({ levels: 1, members: 1 });
    expect(shapeOf('[1],[1],[1]')).toMatchObject({ levels: 1 });
    expect(shapeOf('{"a":1,"a":{"b":2}}')).toMatchObject({ members: 3 });
    expect(shapeOf('[{"a":1,"b":{"c":2},"d":3},{"e":{}},{"f":1,"g":1}]')).toMatchObject({ members: 7, mostMembers: 3 });
    expect(shapeOf(']]:')).toMatchObject({ members: 1 });
    expect(shapeOf('[{"a":1,"b":{"a":2}},{"a":"c"}]')).toMatchObject({ members: 4, names: 2 });
    expect(shapeOf('[1,"a,[:", 12]')).toMatchObject({ values: 4, longest: 6 });
    expect(shapeOf('[] \n   "')).toMatchObject({ longest: 6 });
  });

  test('agrees with the value for any JSON', () => {
    const inside = (value: unknown): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value) : [];
    const levels = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...inside(value).map(levels)) : 0;
    const values = (value: unknown): number => inside(value).reduce((sum: number, each) => sum + values(each), 1);
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const shape = jsonShape(Buffer.from(JSON.stringify(value)));
        expect(shape).toMatchObject({ levels: levels(value), members: membersOf(value) });
        expect(shape.values).toBeGreaterThanOrEqual(values(value));
      }),
    );
  });
});
