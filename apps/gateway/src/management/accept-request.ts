import { v7 as uuid } from 'uuid';

import { BACKUP_KIND, parseManagementRequest, type ManagementRequest, type Operation } from '@tidemark/contracts';
import { parseDestination } from '@tidemark/destinations';
import type { CreatedJob } from '@tidemark/jobs';

import type { AuditedRequest } from '../callers/audit.js';
import type { GatewayParts } from '../tokens.js';
import type { Secrets } from '../secrets/sealed-secrets.js';
import { idempotencyOf } from './idempotency.js';

export interface ReceivedRequest {
  readonly body: string;
  readonly caller: string;
  /** Its Idempotency-Key. */
  readonly key: string | undefined;
  /** Called as soon as it is known what is asked for, allowed or not. */
  readonly onRead: (what: AuditedRequest) => void;
}

/**
 * Makes a job of the body of a PATCH: once it returns, the job is stored, and a worker has been or will be told.
 * Throws what is wrong with the body or its destination; nothing is stored then.
 */
export async function acceptRequest(
  {
    policy,
    jobs,
    secrets,
    doorbells,
    steps,
  }: Pick<GatewayParts, 'policy' | 'jobs' | 'secrets' | 'doorbells' | 'steps'>,
  { body, caller, key, onRead }: ReceivedRequest,
): Promise<CreatedJob> {
  const { request: asSent, bearer, warnings } = parseManagementRequest(body);
  const operation = operationOf(asSent);
  const parsed = parseDestination(asSent.destination);
  onRead({ operation, destination: parsed.display });
  const destination = await policy.check(parsed, operation);
  const id = uuid();
  const request = { ...asSent, destination: destination.display };
  const created = await jobs.create({
    id,
    request,
    sealedSecrets: secrets.seal(id, secretsOf({ bearer, asSent: asSent.destination, shown: destination.display })),
    place: destination.place,
    warnings,
    caller,
    idempotency: key === undefined ? undefined : idempotencyOf(key, request),
  });
  if (created.outcome !== 'CREATED') return created;
  await steps.made('job stored');
  // Not awaited: the job is stored, and a broker that is down must not keep its caller waiting.
  void doorbells.ring({ jobId: created.job.id, operation });
  return created;
}

/** A destination without secrets is shown as it was sent. */
function secretsOf({
  bearer,
  asSent,
  shown,
}: Record<'asSent' | 'shown', string> & { bearer: string | undefined }): Secrets {
  return { bearer, destination: asSent === shown ? undefined : asSent };
}

function operationOf({ kind }: ManagementRequest): Operation {
  return kind === BACKUP_KIND ? 'BACKUP' : 'RESTORE';
}
