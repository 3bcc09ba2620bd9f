import { randomBytes } from 'node:crypto';

/** For the gateway and the worker that are started together; it lasts as long as they do. */
export function newWorkerToken(): string {
  return randomBytes(32).toString('base64url');
}
