import type { KeyObject } from 'node:crypto';

import { signGrant, type Claim } from '@tidemark/contracts';
import type { Clock } from '@tidemark/platform';

/** Long enough to open a snapshot or a staged generation; what is open then needs no grant. */
const ATTEMPT_MICROS = 10 * 60 * 1_000_000;
const OWN_MICROS = 10 * 60 * 1_000_000;

/** Grants for the index-service, signed by this gateway. */
export class Grants {
  #own = { token: '', renewAtMicros: 0 };

  constructor(
    private readonly key: KeyObject,
    private readonly clock: Clock,
  ) {}

  forAttempt({ jobId, fence, operation, request }: Claim): string {
    const expiresAtMicros = this.clock.nowMicros() + ATTEMPT_MICROS;
    return signGrant(
      { to: 'ATTEMPT', jobId, fence, operation, index: request.indexServiceLink, expiresAtMicros },
      this.key,
    );
  }

  /** The gateway's own, made anew when half of its time is over. */
  own(): string {
    const now = this.clock.nowMicros();
    if (now >= this.#own.renewAtMicros) {
      const token = signGrant({ to: 'GATEWAY', expiresAtMicros: now + OWN_MICROS }, this.key);
      this.#own = { token, renewAtMicros: now + OWN_MICROS / 2 };
    }
    return this.#own.token;
  }
}
