import { describe, expect, test } from '@jest/globals';

import { parseDocumentPath } from './document-path.js';
import { parseDocumentQuery } from './document-query.js';

describe('a path under /documents', () => {
  test.each([
    ['', { link: '', folder: true }],
    ['/', { link: '', folder: true }],
    ['/a', { link: '/a', folder: false }],
    ['/a/b/', { link: '/a/b', folder: true }],
    ["/a%40b/~:!$'()+,;=", { link: "/a@b/~:!$'()+,;=", folder: false }],
    ['/%61', { link: '/a', folder: false }],
  ])('%j names %j', (path, named) => {
    expect(parseDocumentPath(path)).toEqual(named);
  });

  test.each([
    '//',
    '//a',
    '/a//b',
    '/a//',
    '/.',
    '/a/..',
    '/a/%2e%2e/b',
    '/a%2Fb',
    '/a b',
    '/a%20b',
    '/ä',
    '/%zz',
    '/a%00',
    '/core',
    '/core/x',
    `/${'a'.repeat(1024)}`,
  ])('%j is no link', (path) => {
    expect(() => parseDocumentPath(path)).toThrow(expect.objectContaining({ code: 'LINK_INVALID' }));
  });
});

describe('a query', () => {
  test('defaults, flags and numbers', () => {
    expect(parseDocumentQuery('')).toMatchObject({ limit: 1000, expand: false, includeDeleted: false });
    expect(parseDocumentQuery('$expand&$limit=5&documentVersion=0&includeDeleted=&x=y')).toMatchObject({
      limit: 5,
      expand: true,
      includeDeleted: true,
      version: 0,
    });
    expect(parseDocumentQuery('documentSelfLink=/a+b%2Bc')).toMatchObject({ documentSelfLink: '/a+b+c' });
    expect(parseDocumentQuery('timeSnapshotBoundaryMicros=9007199254740991').asOfMicros).toBe(9007199254740991);
  });

  test.each([
    ['$limit=0', 'PARAMETER_INVALID'],
    ['$limit=10001', 'PARAMETER_INVALID'],
    ['$limit=', 'PARAMETER_INVALID'],
    ['$limit=1&$limit=2', 'PARAMETER_INVALID'],
    ['documentVersion=-1', 'PARAMETER_INVALID'],
    ['documentVersion=1.5', 'PARAMETER_INVALID'],
    ['documentVersion=1&timeSnapshotBoundaryMicros=1', 'PARAMETER_INVALID'],
    ['timeSnapshotBoundaryMicros=0', 'BOUNDARY_INVALID'],
    ['timeSnapshotBoundaryMicros=9007199254740992', 'BOUNDARY_INVALID'],
    ['timeSnapshotBoundaryMicros=now', 'BOUNDARY_INVALID'],
  ])('%s is %s', (query, code) => {
    expect(() => parseDocumentQuery(query)).toThrow(expect.objectContaining({ code }));
  });
});
