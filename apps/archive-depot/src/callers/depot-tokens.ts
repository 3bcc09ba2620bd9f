import type { onRequestHookHandler } from 'fastify';
import { z } from 'zod';

import {
  bearerTokenOf,
  entryWith,
  hashOfToken,
  TOKEN_PATTERN,
  TOKEN_WANTED,
  UnauthenticatedError,
} from '@tidemark/nest';
import { commaList } from '@tidemark/platform';

export const DEPOT_TOKENS = 'TIDEMARK_DEPOT_TOKENS';
const TOKEN = new RegExp(`^${TOKEN_PATTERN}$`);

/** A token is kept as its hash only. */
export interface DepotToken {
  readonly hash: Buffer;
}

/** The setting: tokens with commas between. Tells which entry is wrong, never what it holds. */
export const depotTokens: z.ZodType<readonly DepotToken[]> = commaList().transform((tokens, context) => {
  for (const [index, token] of tokens.entries()) {
    if (TOKEN.test(token)) continue;
    context.addIssue({ code: 'custom', message: `entry ${index + 1} must be a token of ${TOKEN_WANTED}` });
  }
  return tokens.map((token) => ({ hash: hashOfToken(token) }));
});

/** A hook that lets through only calls with a token, and those for health. */
export function tokenCheck(tokens: readonly DepotToken[]): onRequestHookHandler {
  return (request, _reply, done) => {
    if (request.routeOptions.url?.startsWith('/core/health/')) {
      done();
      return;
    }
    const token = bearerTokenOf(request);
    if (token === undefined) done(new UnauthenticatedError('there is no token', DEPOT_TOKENS));
    else if (entryWith(token, tokens)) done();
    else done(new UnauthenticatedError('the token is not known', DEPOT_TOKENS));
  };
}
