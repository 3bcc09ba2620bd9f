import { createHash } from 'node:crypto';

import { ParameterInvalidError, type ManagementRequest } from '@tidemark/contracts';
import type { Idempotency } from '@tidemark/jobs';

const HEADER = 'Idempotency-Key';
const KEY = /^[\x20-\x7e]{1,200}$/;

/** The key that a caller gave, checked. `values` is every value that the header came with. */
export function idempotencyKey(values: readonly string[] | undefined): string | undefined {
  if (values === undefined) return undefined;
  const [key = ''] = values;
  if (values.length > 1) throw new ParameterInvalidError(HEADER, 'is given more than once');
  return checkedKey(HEADER, key);
}

/** `name` is what the caller knows the key by. Throws ParameterInvalidError. */
export function checkedKey(name: string, key: string): string {
  if (!KEY.test(key)) throw new ParameterInvalidError(name, 'must be 1 to 200 printable ASCII characters');
  return key;
}

/**
 * The body that counts is the request as it was understood, with its defaults and without what was ignored, so that
 * neither the order of keys nor white space matters. Its secrets are masked in it: from the hash of a body that is
 * known otherwise, a short one could be guessed.
 */
export function idempotencyOf(key: string, request: ManagementRequest): Idempotency {
  return { key, bodyHash: createHash('sha256').update(JSON.stringify(request)).digest('hex') };
}
