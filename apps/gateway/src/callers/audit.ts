import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';

import type { Operation } from '@tidemark/contracts';
import { errorCodeOf, rawPath } from '@tidemark/nest';
import type { Logger } from '@tidemark/platform';

import { callerOf } from './caller-check.js';

/** What a call asked for, as far as it could be read; its destination without secrets. */
export interface AuditedRequest {
  readonly operation: Operation;
  readonly destination: string;
}

const MANAGEMENT = '/core/management';
const asked = new WeakMap<FastifyRequest, AuditedRequest>();

/** Puts what a call asks for into its line. */
export function noteAsked(request: FastifyRequest, what: AuditedRequest): void {
  asked.set(request, what);
}

/**
 * A hook, before every other one that may refuse: one line for each call of the management API when its answer has
 * ended, with who, what, from where, and how it ended.
 */
export function auditManagement(log: Logger): onRequestHookHandler {
  return (request, reply, done) => {
    // By the route for other spellings of the path, by the path for what no route knows.
    if ([request.routeOptions.url ?? '', rawPath(request)].some(isManagement)) {
      reply.raw.once('close', () => log.info({ audit: lineOf(request, reply) }, 'management call'));
    }
    done();
  };
}

function isManagement(path: string): boolean {
  return path === MANAGEMENT || path.startsWith(`${MANAGEMENT}/`);
}

function lineOf(request: FastifyRequest, { raw }: FastifyReply): Record<string, unknown> {
  const { id, ip, method } = request;
  return {
    ...(callerOf(request) ?? { name: null }),
    method,
    path: rawPath(request),
    ...asked.get(request),
    ...(raw.hasHeader('location') ? { job: raw.getHeader('location') } : {}),
    from: ip,
    requestId: id,
    status: raw.writableFinished ? raw.statusCode : 'aborted',
    code: errorCodeOf(request),
  };
}
