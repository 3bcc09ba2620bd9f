import { createHash } from 'node:crypto';

/** Lower case hex. */
export function sha256Of(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
