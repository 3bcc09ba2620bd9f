import { createHash } from 'node:crypto';

import { BACKUP_KIND, type ManagementRequest } from '@tidemark/contracts';

/**
 * What no two running jobs may share: a restore its index, a backup its destination.
 * `place` is the destination as the policy resolved it, so that two spellings of one place are one. It is kept as
 * a digest: it may be longer than an index entry may be, and its query may hold secrets.
 */
export function exclusiveKeyOf(request: ManagementRequest, place: string): string {
  return request.kind === BACKUP_KIND
    ? `destination:${createHash('sha256').update(place).digest('hex')}`
    : `index:${request.indexServiceLink}`;
}
