import { createHash, timingSafeEqual } from 'node:crypto';

import type { onRequestHookHandler } from 'fastify';
import { z } from 'zod';

import { UnauthenticatedError } from '@tidemark/nest';
import { commaList } from '@tidemark/platform';

const SETTING = 'TIDEMARK_DEPOT_TOKENS';
const TOKEN = /^[\w.~+/-]{16,1000}={0,2}$/;
const WANTED = 'must be a token of at least 16 characters of A-Z a-z 0-9 - . _ ~ + /';

/** The setting: tokens with commas between, kept as their hashes. Tells which entry is wrong, never what it holds. */
export const depotTokens: z.ZodType<readonly Buffer[]> = commaList().transform((tokens, context) => {
  for (const [index, token] of tokens.entries()) {
    if (!TOKEN.test(token)) context.addIssue({ code: 'custom', message: `entry ${index + 1} ${WANTED}` });
  }
  return tokens.map(hashOf);
});

/** A hook that lets through only calls with a token, and those for health. It takes as long for any token. */
export function tokenCheck(hashes: readonly Buffer[]): onRequestHookHandler {
  return ({ headers, routeOptions }, _reply, done) => {
    if (routeOptions.url?.startsWith('/core/health/')) {
      done();
      return;
    }
    const token = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
    if (token === undefined) done(new UnauthenticatedError('there is no token', SETTING));
    else if (isKnown(hashOf(token), hashes)) done();
    else done(new UnauthenticatedError('the token is not known', SETTING));
  };
}

function isKnown(hash: Buffer, hashes: readonly Buffer[]): boolean {
  return hashes.filter((known) => timingSafeEqual(known, hash)).length > 0;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
