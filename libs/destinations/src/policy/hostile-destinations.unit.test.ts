/** Destinations that must be refused, each by a trick of its own, and spellings that must work: the policy alone. */
import { describe, expect, test } from '@jest/globals';

import type { Operation } from '@tidemark/contracts';
import {
  ALLOWED_URLS,
  allowingAll,
  HOSTILE_URLS,
  hostileFiles,
  HTTP_ALLOW,
  HTTP_ALLOW_PRIVATE,
  NEVER_ADDRESSES,
  NOT_PUBLIC_ADDRESSES,
  type HostileDestination,
} from '@tidemark/testing';

import { parseDestination } from '../parse/parse-destination.js';
import { createDestinationPolicy, type PolicySettings } from './destination-policy.js';

/** It cannot be made: what is refused is refused by its text. */
const ROOT = '/dev/null/ü-archives';
const FILES = hostileFiles(ROOT);
const EVERYTHING = ['0.0.0.0/0', '::/0'];
const BOTH: readonly Operation[] = ['BACKUP', 'RESTORE'];

describe.each(BOTH)('a %s', (operation) => {
  const refuses = (settings: Partial<PolicySettings>, setting: string) => {
    const policy = createDestinationPolicy({ fileRoots: [ROOT], httpAllow: [], httpAllowPrivate: [], ...settings });
    return async ({ destination, code }: HostileDestination): Promise<void> => {
      const checked = async (): Promise<unknown> => await policy.check(parseDestination(destination), operation);
      const details = code === 'DESTINATION_NOT_ALLOWED' ? { details: { setting } } : {};
      await expect(checked()).rejects.toMatchObject({ code, ...details });
    };
  };

  test.each(FILES)('of or to a file is refused: $trick', refuses({}, 'TIDEMARK_FILE_ROOTS'));

  test.each(HOSTILE_URLS)(
    'of or to a URL is refused: $trick',
    refuses({ httpAllow: HTTP_ALLOW, httpAllowPrivate: HTTP_ALLOW_PRIVATE }, 'TIDEMARK_HTTP_ALLOW'),
  );

  test.each([...NOT_PUBLIC_ADDRESSES, ...NEVER_ADDRESSES])(
    'of or to an address is refused where it is not listed: $trick',
    refuses(
      {
        httpAllow: allowingAll([...NOT_PUBLIC_ADDRESSES, ...NEVER_ADDRESSES]),
        httpAllowPrivate: HTTP_ALLOW_PRIVATE,
      },
      'TIDEMARK_HTTP_ALLOW_PRIVATE',
    ),
  );

  test.each(NEVER_ADDRESSES)(
    'of or to an address is refused whatever is listed: $trick',
    refuses({ httpAllow: allowingAll(NEVER_ADDRESSES), httpAllowPrivate: EVERYTHING }, 'TIDEMARK_HTTP_ALLOW_PRIVATE'),
  );

  test.each(ALLOWED_URLS)('of or to a URL is allowed: $spelling', async ({ destination, is }) => {
    const policy = createDestinationPolicy({
      fileRoots: [],
      httpAllow: HTTP_ALLOW,
      httpAllowPrivate: HTTP_ALLOW_PRIVATE,
    });
    expect(await policy.check(parseDestination(destination), operation)).toMatchObject({ place: is });
  });

  test.each(NOT_PUBLIC_ADDRESSES)('of or to an address is allowed where it is listed: $trick', async (row) => {
    const policy = createDestinationPolicy({
      fileRoots: [],
      httpAllow: allowingAll([row]),
      httpAllowPrivate: EVERYTHING,
    });
    await expect(policy.check(parseDestination(row.destination), operation)).resolves.toBeDefined();
  });
});

test('the tables have no trick twice and no destination twice, and are large enough', () => {
  const rows = [...FILES, ...HOSTILE_URLS, ...NOT_PUBLIC_ADDRESSES, ...NEVER_ADDRESSES];
  expect(new Set(rows.map(({ trick }) => trick)).size).toBe(rows.length);
  expect(new Set(rows.map(({ destination }) => destination)).size).toBe(rows.length);
  expect(rows.length).toBeGreaterThanOrEqual(250);
});
