import type { FinishingRequest, Steps, WireClaim } from '@tidemark/contracts';
import type { Destination } from '@tidemark/destinations';
import type { Clock, Logger, RateLimit } from '@tidemark/platform';

import type { InternalHttp } from '../clients/internal-http.js';
import type { Spool } from '../spool.js';
import type { ProgressReports } from './progress-reports.js';

interface AttemptFacts {
  /** What lay at the destination before may have been overwritten. */
  destinationTouched?: boolean;
}

/** All that one run of a job needs; handed down from phase to phase. */
export interface AttemptContext {
  readonly claim: WireClaim;
  readonly destination: Destination;
  /** Calls to the index-service at the claim's `indexUrl`. */
  readonly index: InternalHttp;
  readonly spool: Spool;
  readonly progress: ProgressReports;
  readonly steps: Steps;
  /** What of a finished archive is read back before the job succeeds. */
  readonly readBack: 'ALL' | 'SAMPLE';
  /** Of what is moved; undefined where there is no bound. */
  readonly rateLimit: RateLimit | undefined;
  /** Ways that parts are moved side by side. */
  readonly parallelism: number;
  /** Aborts when the attempt must stop; its reason says why. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly clock: Clock;
  readonly startedMillis: number;
  /** What its failure must tell besides the error. */
  readonly facts: AttemptFacts;
  /**
   * Stores what the job is about to make true. When it resolves nothing cancels the job any more; throws the reason
   * where the attempt may not go on.
   */
  finishing(request: Omit<FinishingRequest, 'fence'>): Promise<void>;
}
