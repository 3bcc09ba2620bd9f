import { asTidemarkError, errorFacts } from '@tidemark/contracts';

import type { AttemptContext } from './attempt-context.js';

/** Why an attempt was told to stop: the reasons that its signal aborts with. */

export class AttemptCancelled extends Error {
  override readonly name = 'AttemptCancelled';
}

/** The lease ran out, or the gateway said that another attempt runs: this one must not change anything any more. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** The worker shuts down; the job goes on elsewhere. */
export class ShuttingDown extends Error {
  override readonly name = 'ShuttingDown';
}

/** Whether no other attempt will come after one that ended so: the job was cancelled, no attempt can mend the error, or there are no more. */
export function isLastAttempt({ signal, claim }: Pick<AttemptContext, 'signal' | 'claim'>, error: unknown): boolean {
  if (signal.aborted) return signal.reason instanceof AttemptCancelled;
  return claim.isLast || !errorFacts(asTidemarkError(error).code).retriable;
}
