import { sign, verify, type KeyObject } from 'node:crypto';

import { z } from 'zod';

import { TidemarkError } from '../errors/tidemark-error.js';
import { OPERATIONS } from '../jobs/job.js';

/** Header of calls to the index-service that carries a grant. */
export const GRANT_HEADER = 'x-tidemark-grant';

const expiresAtMicros = z.int().positive();

/** What the gateway lets somebody do at the index-service: a worker, for one attempt of one job; or itself, everything. */
export const grantSchema = z.discriminatedUnion('to', [
  z.object({
    to: z.literal('ATTEMPT'),
    jobId: z.uuid(),
    fence: z.int().positive(),
    operation: z.enum(OPERATIONS),
    /** Link of the index. */
    index: z.string(),
    expiresAtMicros,
  }),
  z.object({ to: z.literal('GATEWAY'), expiresAtMicros }),
]);
export type Grant = z.infer<typeof grantSchema>;
export type AttemptGrant = Extract<Grant, { to: 'ATTEMPT' }>;

/** Why the index-service does nothing for a call. The reason is for whoever runs the services. */
export class GrantRefusedError extends TidemarkError {
  readonly code = 'FORBIDDEN';
  constructor(readonly reason: string) {
    super(`the index-service does this for the gateway and for granted attempts only: ${reason}`);
  }
}

/** The grant and its signature, each in base64url, with a dot between. */
export function signGrant(grant: Grant, key: KeyObject): string {
  const body = Buffer.from(JSON.stringify(grant));
  return `${body.toString('base64url')}.${sign(null, body, key).toString('base64url')}`;
}

/** Throws {@link GrantRefusedError}. */
export function openGrant(token: string, key: KeyObject, nowMicros: number): Grant {
  const [body = '', signature = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url'));
  if (!verify(null, Buffer.from(body), key, Buffer.from(signature))) throw new GrantRefusedError('its grant is forged');
  const { data: grant } = grantSchema.safeParse(JSON.parse(body.toString()));
  if (!grant) throw new GrantRefusedError('its grant is of another form');
  if (grant.expiresAtMicros < nowMicros) throw new GrantRefusedError('its grant has expired');
  return grant;
}
