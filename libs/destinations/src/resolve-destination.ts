import type { Operation } from '@tidemark/contracts';

import type { Destination } from './destination.js';
import { FileDestination } from './file/file-destination.js';
import { HttpDestination, type HttpPlace } from './http/http-destination.js';
import { parseDestination } from './parse/parse-destination.js';
import type { DestinationPolicy } from './policy/destination-policy.js';

export interface ResolveOptions {
  readonly policy: DestinationPolicy;
  readonly operation: Operation;
  /** For a destination over HTTP. */
  readonly http: Pick<HttpPlace, 'spool' | 'bearer' | 'limits' | 'rateLimit' | 'notBeforeMillis'>;
}

/** The destination of a request, ready for `operation`. Throws whatever parsing it or the policy throws. */
export async function resolveDestination(raw: string, use: ResolveOptions): Promise<Destination> {
  const allowed = await use.policy.check(parseDestination(raw), use.operation);
  return allowed.scheme === 'file' ? new FileDestination(allowed) : new HttpDestination({ ...allowed, ...use.http });
}
