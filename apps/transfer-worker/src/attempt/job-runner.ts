import { v4 as uuid } from 'uuid';

import { asTidemarkError, errorFacts, type Outcome, type Steps, type WireClaim } from '@tidemark/contracts';
import { resolveDestination, type Destination, type DestinationPolicy, type GivenLimits } from '@tidemark/destinations';
import type { Messaging } from '@tidemark/messaging';
import { anySignal, retry, systemClock, type Logger, type RateLimit } from '@tidemark/platform';

import type { GatewayClient } from '../clients/gateway-client.js';
import { InternalHttp } from '../clients/internal-http.js';
import type { Spool, SpoolFolder } from '../spool.js';
import type { AttemptContext } from './attempt-context.js';
import { AttemptCancelled, LeaseLost, ShuttingDown } from './attempt-ends.js';
import { Lease } from './lease.js';
import { ProgressReports } from './progress-reports.js';
import { runAttempt } from './run-attempt.js';

export interface JobRunnerParts {
  readonly worker: string;
  readonly gateway: GatewayClient;
  readonly messaging: Messaging;
  readonly policy: DestinationPolicy;
  readonly spool: SpoolFolder;
  readonly http: HttpSettings;
  /** Of this worker's backups together. */
  readonly backupLimit: RateLimit | undefined;
  readonly parallelism: number;
  readonly steps: Steps;
  readonly log: Logger;
}

/** How destinations over HTTP are used. */
export interface HttpSettings {
  readonly limits: GivenLimits;
  readonly readBack: AttemptContext['readBack'];
  /** For which what a silent attempt had on its way is waited for. */
  readonly silenceMillis: number;
}

/** Answers doorbells: claims the job and runs the attempt. */
export class JobRunner {
  readonly #shutdown = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #index = new InternalHttp('the index-service');

  constructor(private readonly parts: JobRunnerParts) {}

  /** Attempts under way. */
  get runningCount(): number {
    return this.#running.size;
  }

  /**
   * Claims the job, patiently. Resolves once that is decided, so that the doorbell can be acknowledged; with a promise
   * of the attempt's end where there is one. A worker that shuts down claims nothing: the sweep rings again.
   */
  async ring(jobId: string): Promise<{ ended: Promise<void> } | undefined> {
    const request = { claimId: uuid(), worker: this.parts.worker };
    const { signal } = this.#shutdown;
    const claimed = await this.parts.gateway.claim(jobId, request, signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (!claimed || claimed.answer.outcome === 'NOTHING') return undefined;
    const ended = this.#attempt(claimed.answer, claimed.sentAtMillis);
    this.#running.add(ended);
    void ended.finally(() => this.#running.delete(ended));
    return { ended };
  }

  /** Attempts hand their job back at their next step. Resolves when all have. */
  async stop(): Promise<void> {
    this.#shutdown.abort(new ShuttingDown('the worker shuts down'));
    await Promise.allSettled(this.#running);
  }

  async #attempt(claim: WireClaim, claimedAtMillis: number): Promise<void> {
    const { jobId, fence, attempt, operation, leaseSeconds } = claim;
    const log = this.parts.log.child({ jobId, attempt, operation });
    const lease = new Lease(this.parts.gateway, { jobId, fence, leaseSeconds, claimedAtMillis }, { log });
    lease.start();
    try {
      log.info('attempt started');
      const outcome = await this.#run({ claim, claimedAtMillis, lease, log });
      log.info({ outcome: outcome?.state ?? 'not reported' }, 'attempt ended');
      if (!outcome) return;
      await this.#report(claim, outcome, lease.signal);
      await this.parts.steps.made('outcome reported');
    } catch (error) {
      log.error({ err: error }, 'the outcome could not be reported; the lease makes it good');
    } finally {
      await lease.stop();
    }
  }

  async #run({
    claim,
    claimedAtMillis,
    lease,
    log,
  }: {
    claim: WireClaim;
    claimedAtMillis: number;
    lease: Lease;
    log: Logger;
  }): Promise<Outcome | null> {
    const progress = new ProgressReports(this.parts.messaging, { jobId: claim.jobId, fence: claim.fence });
    let destination: Destination;
    let spool: Spool;
    try {
      destination = await resolveDestination(claim.request.destination, {
        policy: this.parts.policy,
        operation: claim.operation,
        http: {
          spool: this.parts.spool.uploads,
          bearer: claim.bearer,
          limits: this.parts.http.limits,
          rateLimit: this.#rateLimitOf(claim),
          ...(claim.isAfterSilence ? { notBeforeMillis: claimedAtMillis + this.parts.http.silenceMillis } : {}),
        },
      });
      spool = await this.parts.spool.forAttempt(claim);
    } catch (error) {
      return failedBeforeStart(error);
    }
    try {
      return await runAttempt(this.#context({ claim, lease, log, progress, destination, spool }));
    } finally {
      await spool.dispose();
    }
  }

  #context(
    given: Pick<AttemptContext, 'claim' | 'log' | 'progress' | 'destination' | 'spool'> & { lease: Lease },
  ): AttemptContext {
    const { lease, ...context } = given;
    const { jobId, fence } = context.claim;
    const signal = AbortSignal.any([lease.signal, this.#shutdown.signal]);
    return {
      ...context,
      index: this.#index.within(1000 * context.claim.leaseSeconds),
      rateLimit: this.#rateLimitOf(context.claim),
      parallelism: this.parts.parallelism,
      steps: this.parts.steps,
      readBack: context.destination.isRemote ? this.parts.http.readBack : 'ALL',
      signal,
      clock: systemClock,
      startedMillis: systemClock.monotonicMillis(),
      facts: {},
      finishing: async (request) => {
        const verdict = await this.parts.gateway.finishing(jobId, { fence, ...request }, signal);
        if (verdict === 'LOST') lease.end(new LeaseLost('another attempt runs this job'));
        if (verdict === 'CANCEL') lease.end(new AttemptCancelled('the job was cancelled'));
        signal.throwIfAborted();
      },
    };
  }

  #rateLimitOf({ operation }: WireClaim): RateLimit | undefined {
    return operation === 'BACKUP' ? this.parts.backupLimit : undefined;
  }

  /**
   * Told until somebody has taken it: while the lease is kept nobody else runs the job. Over the queue, and where no
   * broker is there to take it, to the gateway itself: a job that ran through an outage of the broker ends on time.
   */
  async #report({ jobId, fence }: WireClaim, outcome: Outcome, lost: AbortSignal): Promise<void> {
    const report = { jobId, fence, outcome };
    const rule = { attempts: Infinity, firstDelayMillis: 100, maxDelayMillis: 2000, retriable: () => true };
    const giveUp = lost.reason instanceof LeaseLost ? lost : AbortSignal.timeout(REPORT_MILLIS);
    const tell = async (): Promise<void> => {
      try {
        await this.parts.messaging.publish('settled', report, {
          signal: anySignal(giveUp, AbortSignal.timeout(PUBLISH_MILLIS)),
        });
      } catch {
        giveUp.throwIfAborted();
        await this.parts.gateway.settled(report, giveUp);
      }
    };
    await retry(rule, tell, giveUp);
  }
}

/** For which a report waits for the broker before it takes the other way. */
const PUBLISH_MILLIS = 2_000;
/** Longer, and the next attempt had better find the effect done. */
const REPORT_MILLIS = 60_000;

function failedBeforeStart(error: unknown): Outcome {
  const { code, message, details } = asTidemarkError(error);
  const { retriable } = errorFacts(code);
  return {
    state: 'FAILED',
    error: { code, message, phase: null, retriable, ...(details ? { details: { ...details } } : {}) },
  };
}
