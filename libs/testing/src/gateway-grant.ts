import { GRANT_HEADER, grantPrivateKey, signGrant } from '@tidemark/contracts';
import { systemClock } from '@tidemark/platform';

import type { ServicesIdentity } from './services.js';

const MICROS = 60 * 60 * 1_000_000;

/** The header that an index-service takes for the gateway's own, for an hour: for calls past the gateway. */
export function gatewayGrant({ grantKeys }: ServicesIdentity): Record<string, string> {
  const grant = { to: 'GATEWAY', expiresAtMicros: systemClock.nowMicros() + MICROS } as const;
  return { [GRANT_HEADER]: signGrant(grant, grantPrivateKey.parse(grantKeys.privateKey)) };
}
