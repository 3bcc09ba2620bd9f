import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { checkDocumentLink } from '@tidemark/contracts';
import { fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { parseDocumentPath } from './document-path.js';
import { parseDocumentQuery } from './document-query.js';

test('a path that is taken names a link or the root', async () => {
  const paths = textOf(
    ['/', 'a', '%61', '%2F', '%2e', '..', '%', '%00', '%C3%A9', '+', '%40', 'core', 'x'.repeat(600)],
    10,
  );
  await fuzz(
    'document path',
    paths.map((path) => `/${path}`),
    async (path) => {
      const outcome = await outcomeOf(() => parseDocumentPath(path));
      if ('code' in outcome) {
        expect(outcome.code).toBe('LINK_INVALID');
        return outcome;
      }
      const { link, folder } = outcome.value;
      if (link !== '') expect(checkDocumentLink(link)).toBe(link);
      expect(parseDocumentPath(`${link}${folder ? '/' : ''}`)).toEqual(outcome.value);
      return outcome;
    },
  );
});

const names = [
  '$limit',
  '$page',
  'documentVersion',
  'timeSnapshotBoundaryMicros',
  'documentSelfLink',
  'expand',
  '$expand',
];
const parts = [
  ...names,
  'includeDeleted',
  '__proto__',
  '=',
  '=',
  '&',
  '&',
  '+',
  '%',
  '%2B',
  '/a',
  '0',
  '1',
  '10000',
  '9007199254740992',
];

test('a query that is taken has its numbers within their bounds', async () => {
  const queries = fc.oneof(textOf(parts, 12), fc.constant('a&'.repeat(4000)));
  await fuzz('document query', queries, async (query) => {
    const outcome = await outcomeOf(() => parseDocumentQuery(query));
    if ('code' in outcome) {
      expect(['PARAMETER_INVALID', 'BOUNDARY_INVALID']).toContain(outcome.code);
      return outcome;
    }
    const { limit, version = 0, asOfMicros = 1, withoutPage } = outcome.value;
    expect(limit >= 1 && limit <= 10_000 && Number.isSafeInteger(limit)).toBe(true);
    expect(version >= 0 && Number.isSafeInteger(version) && asOfMicros >= 1 && Number.isSafeInteger(asOfMicros)).toBe(
      true,
    );
    expect(withoutPage.has('$page')).toBe(false);
    return outcome;
  });
});
