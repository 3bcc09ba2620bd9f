import type { onRequestHookHandler } from 'fastify';
import { z } from 'zod';

import { commaList } from '@tidemark/platform';

import { bearerTokenOf, entryWith, hashOfToken, TOKEN_PATTERN, TOKEN_WANTED } from './bearer-token.js';
import { UnauthenticatedError } from './http-errors.js';

const TOKEN = new RegExp(`^${TOKEN_PATTERN}$`);

/** One that may call a service, without a name or a role. It is kept as its hash only. */
export interface ServiceToken {
  readonly hash: Buffer;
}

/** A setting of whoever is called: tokens with commas between. Tells which entry is wrong, never what it holds. */
export const serviceTokens: z.ZodType<readonly ServiceToken[]> = commaList().transform((tokens, context) => {
  for (const [index, token] of tokens.entries()) {
    if (TOKEN.test(token)) continue;
    context.addIssue({ code: 'custom', message: `entry ${index + 1} must be a token of ${TOKEN_WANTED}` });
  }
  return tokens.map((token) => ({ hash: hashOfToken(token) }));
});

/** A setting of whoever calls. */
export const serviceToken = z.string().regex(TOKEN, `must be a token of ${TOKEN_WANTED}`).optional();

/** A hook that lets through only calls with one of the tokens of the setting, and those for health. */
export function serviceTokenCheck(tokens: readonly ServiceToken[], setting: string): onRequestHookHandler {
  return (request, _reply, done) => {
    if (request.routeOptions.url?.startsWith('/core/health/')) {
      done();
      return;
    }
    const token = bearerTokenOf(request);
    if (token === undefined) done(new UnauthenticatedError('there is no token', setting));
    else if (entryWith(token, tokens)) done();
    else done(new UnauthenticatedError('the token is not known', setting));
  };
}
