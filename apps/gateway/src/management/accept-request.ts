import { v7 as uuid } from 'uuid';

import { BACKUP_KIND, parseManagementRequest, type ManagementRequest, type Operation } from '@tidemark/contracts';
import { parseDestination, toFileUri } from '@tidemark/destinations';
import type { CreatedJob } from '@tidemark/jobs';

import type { GatewayParts } from '../tokens.js';
import { idempotencyOf } from './idempotency.js';

/** There are no tokens yet, so every caller is the same one. */
const ANYBODY = 'anonymous';

/**
 * Makes a job of the body of a PATCH: once it returns, the job is stored, and a worker has been or will be told.
 * Throws what is wrong with the body or its destination; nothing is stored then.
 */
export async function acceptRequest(
  { policy, jobs, doorbells }: Pick<GatewayParts, 'policy' | 'jobs' | 'doorbells'>,
  body: string,
  key: string | undefined,
): Promise<CreatedJob> {
  const { request, warnings } = parseManagementRequest(body);
  const operation = operationOf(request);
  const destination = await policy.check(parseDestination(request.destination), operation);
  const created = await jobs.create({
    id: uuid(),
    request: { ...request, destination: destination.display },
    place: toFileUri(destination.path),
    warnings,
    caller: ANYBODY,
    idempotency: key === undefined ? undefined : idempotencyOf(key, request),
  });
  // Not awaited: the job is stored, and a broker that is down must not keep its caller waiting.
  if (created.outcome === 'CREATED') void doorbells.ring({ jobId: created.job.id, operation });
  return created;
}

function operationOf({ kind }: ManagementRequest): Operation {
  return kind === BACKUP_KIND ? 'BACKUP' : 'RESTORE';
}
