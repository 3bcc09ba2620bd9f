import { errorFacts, TidemarkError } from '@tidemark/contracts';
import type { RetryRule } from '@tidemark/platform';

/** A message is not lost to a database that is away: it stays unacknowledged, and those behind it wait in the queue. */
export const UNTIL_IT_MENDS: RetryRule = {
  attempts: Infinity,
  firstDelayMillis: 100,
  maxDelayMillis: 2_000,
  retriable: (error) => error instanceof TidemarkError && errorFacts(error.code).retriable,
};
