import type { FastifyRequest, onRequestHookHandler } from 'fastify';

import { DEAD_LETTERS_LINK, TidemarkError } from '@tidemark/contracts';
import { bearerTokenOf, entryWith, TooManyRequestsError, UnauthenticatedError } from '@tidemark/nest';
import type { Clock, Logger } from '@tidemark/platform';

import { mayAct, type ApiToken, type Caller, type Role } from './api-tokens.js';
import { FailedAttempts } from './failed-attempts.js';

/** Every caller where there are no tokens, and over the queue. */
const ANYBODY: Caller = { name: 'anonymous', role: 'operator' };

class RoleWantedError extends TidemarkError {
  readonly code = 'FORBIDDEN';
  constructor({ name, role }: Caller, wanted: Role) {
    super(`this wants the role ${wanted}; the token of ${name} has the role ${role}`, { details: { wanted, role } });
  }
}

export interface CallerCheckOptions {
  readonly tokens: readonly ApiToken[];
  readonly clock: Clock;
  readonly log: Logger;
}

const callers = new WeakMap<FastifyRequest, Caller>();

/** Who made the request, as soon as {@link callerCheck} knows. */
export function callerOf(request: FastifyRequest): Caller | undefined {
  return callers.get(request);
}

/** Of a request that {@link callerCheck} let through. */
export function callerNameOf(request: FastifyRequest): string {
  return (callerOf(request) ?? ANYBODY).name;
}

/** A hook that lets through only callers with a token whose role may do what they ask for; without tokens everybody. */
export function callerCheck({ tokens, clock, log }: CallerCheckOptions): onRequestHookHandler {
  const failed = new FailedAttempts(clock);

  function authenticated(request: FastifyRequest): Caller {
    const { ip, id } = request;
    const token = bearerTokenOf(request);
    if (token === undefined) throw new UnauthenticatedError('there is no token');
    const waitSeconds = failed.waitSeconds(ip);
    if (waitSeconds > 0) throw new TooManyRequestsError('too many wrong tokens came from this address', waitSeconds);
    const caller = entryWith(token, tokens);
    if (caller) return caller;
    failed.add(ip);
    log.warn({ ip, requestId: id }, 'a call with a wrong token was refused');
    throw new UnauthenticatedError('the token is not known');
  }

  function check(request: FastifyRequest): void {
    if (tokens.length === 0) callers.set(request, ANYBODY);
    const wanted = tokens.length === 0 ? undefined : roleFor(request);
    if (wanted === undefined) return;
    const { name, role } = authenticated(request);
    callers.set(request, { name, role });
    if (!mayAct(role, wanted)) throw new RoleWantedError({ name, role }, wanted);
  }

  return (request, _reply, done) => {
    try {
      check(request);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
}

/**
 * By the route that was found and not by the path as it was written, which has other spellings. Undefined where
 * nobody needs a token. Dead letters are for operators even to read: what is in them nobody has checked, and masking
 * finds only secrets that look like one.
 */
function roleFor({ method, routeOptions: { url: route = '' } }: FastifyRequest): Role | undefined {
  if (route.startsWith('/core/health/')) return undefined;
  if (route.startsWith(DEAD_LETTERS_LINK)) return 'operator';
  if (method === 'GET' || method === 'HEAD') return 'reader';
  return route === '/core/document-index' || route === DOCUMENTS ? 'writer' : 'operator';
}

/** The route of everything that is not the system's. */
const DOCUMENTS = '/*';
