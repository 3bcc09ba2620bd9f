import type { Operation } from '@tidemark/contracts';

import type { Destination } from './destination.js';
import { FileDestination } from './file/file-destination.js';
import { parseDestination } from './parse/parse-destination.js';
import type { DestinationPolicy } from './policy/destination-policy.js';

/** The destination of a request, ready for `operation`. Throws whatever parsing it or the policy throws. */
export async function resolveDestination(
  raw: string,
  use: { readonly policy: DestinationPolicy; readonly operation: Operation },
): Promise<Destination> {
  const allowed = await use.policy.check(parseDestination(raw), use.operation);
  return new FileDestination(allowed);
}
