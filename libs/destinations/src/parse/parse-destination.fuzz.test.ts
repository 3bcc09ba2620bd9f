import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { editedBytes, fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { parseDestination } from './parse-destination.js';
import { toFileUri } from './file-uri.js';

const valid = [
  'file:/a/b.zip',
  'file:///a/b.zip',
  'http://h:81/a/b?x=s3cret&y',
  'https://[::1]/a%20b.zip',
  'HTTPS://H/a',
];
const pieces = [
  'file:',
  '/',
  '//',
  '///',
  'http://',
  'https:',
  'h',
  '@',
  ':',
  '?',
  '=',
  '&',
  '.',
  '..',
  '%2F',
  '%2e',
  '%25',
];
const more = ['%', '%00', '%c3%a9', 'é', '\\', '#', ';', 'a', '[::1]', '0x7f.1', 'x'.repeat(300), '%ff', '.part'];
const texts = fc.oneof(
  textOf([...pieces, ...more], 12),
  textOf([...pieces, ...more], 8).map((rest) => `https://h/${rest}`),
  textOf(more, 8).map((rest) => `file:/a${rest}`),
  editedBytes(
    valid.map((each) => Buffer.from(each)),
    pieces.map((each) => Buffer.from(each)),
  ).map(String),
);

test('a destination that is taken means one place, and any other has its code', async () => {
  await fuzz('destination', texts, async (raw) => {
    const outcome = await outcomeOf(() => parseDestination(raw));
    if ('code' in outcome) {
      expect(outcome.code).toBe('DESTINATION_INVALID');
      return outcome;
    }
    const parsed = outcome.value;
    if (parsed.scheme === 'file') expectPath(parsed.path);
    else expectUrl(parsed.url, parsed.display);
    return outcome;
  });
});

function expectPath(path: string): void {
  expect(
    path
      .split('/')
      .slice(1)
      .filter((name) => ['', '.', '..'].includes(name) || Buffer.byteLength(name) > 255),
  ).toEqual([]);
  expect(path).toMatch(/^\/[^\0]*$/);
  expect(parseDestination(toFileUri(path))).toMatchObject({ path });
}

function expectUrl(url: URL, display: string): void {
  expect([url.username, url.password, url.hash]).toEqual(['', '', '']);
  expect(url.pathname.endsWith('/')).toBe(false);
  expect(url.pathname.split('/').filter((name) => ['.', '..', '%2e', '%2e%2e'].includes(name.toLowerCase()))).toEqual(
    [],
  );
  for (const value of url.searchParams.values()) {
    if (value.length > 3 && !value.includes('*'))
      expect(display.slice(display.indexOf('?'))).not.toContain(`=${value}`);
  }
}
