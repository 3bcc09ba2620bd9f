import type { KeyObject } from 'node:crypto';

import type { FastifyRequest, onRequestHookHandler } from 'fastify';

import { GRANT_HEADER, GrantRefusedError, openGrant, type AttemptGrant, type Grant } from '@tidemark/contracts';
import type { Clock, Logger } from '@tidemark/platform';

import { LatestFences } from './latest-fences.js';

/** Anybody may ask how this process is. */
const OPEN = /^\/core\/(?:health\/(?:live|ready)|metrics)$/;
/** Whoever knows the link of a session was given it for a grant. */
const SESSIONS = /^\/(?:snapshots|staged-generations)\/[^/]+(?:\/|$)/;
/** Opened by attempts. */
const OPENINGS: ReadonlyMap<string, AttemptGrant['operation']> = new Map([
  ['/snapshots', 'BACKUP'],
  ['/staged-generations', 'RESTORE'],
]);

interface Admitted {
  readonly grant: AttemptGrant;
  readonly log: Logger;
}

const admitted = new WeakMap<FastifyRequest, Admitted>();

export interface GrantCheckOptions {
  /** Public half of the gateway's key. */
  readonly key: KeyObject;
  /** Link of the index that is served here. */
  readonly index: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A hook that lets through only what the gateway asks for, or has granted to an attempt. */
export function grantCheck({ key, index, clock, log }: GrantCheckOptions): onRequestHookHandler {
  const fences = new LatestFences();
  const opened = new OpenedGrants(key, clock);

  function check(request: FastifyRequest, path: string): void {
    const token = request.headers[GRANT_HEADER];
    if (typeof token !== 'string') throw new GrantRefusedError('there is no grant');
    const grant = opened.open(token);
    const operation = request.method === 'POST' ? OPENINGS.get(path) : undefined;
    if (operation === undefined) {
      if (grant.to !== 'GATEWAY') throw new GrantRefusedError('its grant is for an attempt');
      return;
    }
    if (grant.to !== 'ATTEMPT' || grant.operation !== operation)
      throw new GrantRefusedError(`its grant is for no ${operation}`);
    if (grant.index !== index) throw new GrantRefusedError('its grant is for another index');
    if (!fences.admit(grant)) throw new GrantRefusedError('its grant is for an attempt that another has followed');
    admitted.set(request, { grant, log });
  }

  return (request, _reply, done) => {
    const [path = ''] = request.url.split('?', 1);
    if (OPEN.test(path) || SESSIONS.test(path)) {
      done();
      return;
    }
    try {
      check(request, path);
      done();
    } catch (error) {
      if (error instanceof GrantRefusedError) tell(log, request, error);
      done(error as Error);
    }
  };
}

function tell(log: Logger, { method, url, ip, id }: FastifyRequest, { reason }: GrantRefusedError): void {
  const [path] = url.split('?', 1);
  log.warn({ method, path, ip, requestId: id, reason }, 'a call was refused');
}

/** Throws {@link GrantRefusedError} where the body of a call is not of the attempt that its grant is for. */
export function holdToGrant(request: FastifyRequest, { jobId, fence }: { jobId: string; fence: number }): void {
  const { grant, log } = admitted.get(request) ?? {};
  if (grant?.jobId === jobId && grant.fence === fence) return;
  const error = new GrantRefusedError('its grant is for another attempt');
  if (log) tell(log, request, error);
  throw error;
}

const MAX_REMEMBERED = 100;

/** A signature is checked once, its time every time. */
class OpenedGrants {
  readonly #byToken = new Map<string, Grant>();

  constructor(
    private readonly key: KeyObject,
    private readonly clock: Clock,
  ) {}

  open(token: string): Grant {
    const now = this.clock.nowMicros();
    const known = this.#byToken.get(token);
    if (known && known.expiresAtMicros >= now) return known;
    const grant = openGrant(token, this.key, now);
    if (this.#byToken.size >= MAX_REMEMBERED) this.#byToken.clear();
    this.#byToken.set(token, grant);
    return grant;
  }
}
