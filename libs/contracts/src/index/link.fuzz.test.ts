import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { checkDocumentLink, MAX_LINK_BYTES, parentLink } from './link.js';

const pieces = ['/', 'a', '.', '..', 'core', '/core', '~', '@', '%2F', '*', ' ', '\\', 'é', '?', '#', 'x'.repeat(500)];
const CHARACTERS = new Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@!$'()+,;=/");

test('a link that is taken is one of the grammar, and any other has its code', async () => {
  await fuzz(
    'link',
    fc.oneof(
      textOf(pieces),
      textOf(pieces).map((text) => `/${text}`),
    ),
    async (text) => {
      const outcome = await outcomeOf(() => checkDocumentLink(text));
      if ('code' in outcome) {
        expect(outcome.code).toBe('LINK_INVALID');
        return outcome;
      }
      const link = outcome.value;
      expect(link).toBe(text);
      expect(Buffer.byteLength(link)).toBeLessThanOrEqual(MAX_LINK_BYTES);
      expect(Array.from(link).filter((character) => !CHARACTERS.has(character))).toEqual([]);
      const [root, ...segments] = link.split('/');
      expect([root, segments.filter((segment) => ['', '.', '..'].includes(segment))]).toEqual(['', []]);
      expect(segments).not.toHaveLength(0);
      expect(segments[0]).not.toBe('core');
      expect(new URL(link, 'http://host').pathname).toBe(link);
      expect(link.startsWith(`${parentLink(link)}/`)).toBe(true);
      return outcome;
    },
  );
});
