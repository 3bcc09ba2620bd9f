import { createHash, timingSafeEqual } from 'node:crypto';

import type { FastifyRequest } from 'fastify';

/** What a token may look like, as the source of a pattern and in words. */
export const TOKEN_PATTERN = String.raw`[\w.~+/-]{16,1000}={0,2}`;
export const TOKEN_WANTED = 'at least 16 characters of A-Z a-z 0-9 - . _ ~ + /';

/** Of `Authorization: Bearer <token>`; undefined where there is none. */
export function bearerTokenOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** All that is kept of a token. */
export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** The entry that has this token. Takes as long for any token, whatever it has in common with a right one. */
export function entryWith<T extends { readonly hash: Buffer }>(token: string, entries: readonly T[]): T | undefined {
  const hash = hashOfToken(token);
  const [entry] = entries.filter((known) => timingSafeEqual(known.hash, hash));
  return entry;
}
