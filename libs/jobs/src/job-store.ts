import type { ClaimRequest, FinishingRequest, Job, ProgressReport, SettledReport } from '@tidemark/contracts';
import type { Logger } from '@tidemark/platform';

import { JobsDatabase } from './database/jobs-database.js';
import type { SealedClaimAnswer } from './life/plan-claim.js';
import type { Verdict } from './life/plan-finishing.js';
import type { UndoEnd } from './life/plan-undo.js';
import type { SwitchEnd } from './life/plan-switch-end.js';
import { FIVE_ATTEMPTS, type RetryRule } from './life/retry-rule.js';
import { cancelJob } from './store/cancel-job.js';
import { ClaimJobs } from './store/claim-job.js';
import { createJob, purgeIdempotencyKeys, type CreatedJob, type NewJob } from './store/create-job.js';
import {
  endedOf,
  getJob,
  jobFigures,
  listJobs,
  type JobFigures,
  type JobPage,
  type JobQuery,
} from './store/read-jobs.js';
import { seenWorkers, type SeenWorker } from './store/read-workers.js';
import { finishing, heartbeat, progress } from './store/report-attempt.js';
import { SettleJobs, type Settlement } from './store/settle-job.js';
import { settleUndo } from './store/settle-undo.js';
import { takeUntold, told } from './store/tell-jobs.js';
import { SweepJobs, type RunnableJob, type SweepTurn, type WaitingSwitch } from './store/sweep-jobs.js';

export interface JobStoreOptions {
  readonly url: string;
  readonly log: Logger;
  /** Connections to the database at most. */
  readonly poolSize?: number;
  /** Tests make it short. */
  readonly retryRule?: RetryRule;
  /** How long a statement may take. */
  readonly answerMillis?: number;
}

/**
 * The jobs, in the schema `jobs` of a Postgres database, and everything that can happen to one. Every change is a
 * compare-and-set, so any number of gateways may share the store, and every time is the database's.
 * Each operation may throw DATABASE_UNAVAILABLE or DATABASE_FULL; what else it throws stands beside it.
 */
export class JobStore {
  readonly #database: JobsDatabase;
  readonly #claims: ClaimJobs;
  readonly #settlements: SettleJobs;
  readonly #sweeps: SweepJobs;

  private constructor(database: JobsDatabase, rule: RetryRule) {
    this.#database = database;
    this.#claims = new ClaimJobs(database, rule);
    this.#settlements = new SettleJobs(database, rule);
    this.#sweeps = new SweepJobs(database, rule);
  }

  /** Connects, and brings the tables to what this version needs. */
  static async open({ retryRule = FIVE_ATTEMPTS, poolSize = 10, ...options }: JobStoreOptions): Promise<JobStore> {
    return new JobStore(await JobsDatabase.open({ ...options, poolSize }), retryRule);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** Throws IdempotencyKeyReusedError. Of several with one key at once, one is created and the others repeat it. */
  create(job: NewJob): Promise<CreatedJob> {
    return createJob(this.#database, job);
  }

  /** Throws NotFoundError. */
  get(id: string): Promise<Job> {
    return getJob(this.#database, id);
  }

  /** Those of these jobs that have ended; each must be a UUID. */
  endedOf(ids: readonly string[]): Promise<string[]> {
    return endedOf(this.#database, ids);
  }

  list(query: JobQuery): Promise<JobPage> {
    return listJobs(this.#database, query);
  }

  figures(): Promise<JobFigures> {
    return jobFigures(this.#database);
  }

  /** Heard of within the last quarter of an hour, as far as their jobs tell; leases are given for `leaseSeconds`. */
  seenWorkers(leaseSeconds: number): Promise<SeenWorker[]> {
    return seenWorkers(this.#database, leaseSeconds);
  }

  /** Throws NotFoundError, JobFinishingError, JobEndedError. A job that is cancelled or being so stays as it is. */
  cancel(id: string): Promise<Job> {
    return cancelJob(this.#database, id);
  }

  /** Keeps what the undo of a restore did, or its redo. Throws NotFoundError, NothingToUndoError. */
  settleUndo(id: string, end: UndoEnd): Promise<Job> {
    return settleUndo(this.#database, id, end);
  }

  claim(id: string, claim: ClaimRequest & { readonly leaseSeconds: number }): Promise<SealedClaimAnswer> {
    return this.#claims.claim(id, claim);
  }

  heartbeat(id: string, beat: { readonly fence: number; readonly leaseSeconds: number }): Promise<Verdict> {
    return heartbeat(this.#database, id, beat);
  }

  /** False when the attempt has no say any more. */
  progress(report: ProgressReport): Promise<boolean> {
    return progress(this.#database, report);
  }

  /** After GO for a restore, the gateway asks the index-service to switch and calls {@link settleRestore}. */
  finishing(id: string, request: FinishingRequest): Promise<Verdict> {
    return finishing(this.#database, id, request);
  }

  /** A worker's last word about its attempt. After a job has ended, {@link takeNextBehind} names who waited for it. */
  settle(report: SettledReport): Promise<Settlement> {
    return this.#settlements.settle(report);
  }

  /**
   * The outcome of a restore's switch. A retriable error leaves the restore in FINISHING, to be taken by
   * {@link takeSwitches} after its back-off.
   */
  settleRestore(id: string, end: SwitchEnd): Promise<Settlement> {
    return this.#settlements.settleRestore(id, end);
  }

  takeJobsToRing(turn: SweepTurn): Promise<RunnableJob[]> {
    return this.#sweeps.takeJobsToRing(turn);
  }

  takeNextBehind(endedId: string): Promise<RunnableJob | undefined> {
    return this.#sweeps.takeNextBehind(endedId);
  }

  takeSwitches(turn: SweepTurn): Promise<WaitingSwitch[]> {
    return this.#sweeps.takeSwitches(turn);
  }

  expireLeases(limit: number): Promise<Job[]> {
    return this.#sweeps.expireLeases(limit);
  }

  /** Ended and undone jobs that nobody has been told of in time. */
  takeUntold(limit: number): Promise<Job[]> {
    return takeUntold(this.#database, limit);
  }

  /** Whoever should hear of this revision of the job has. */
  told(job: Pick<Job, 'id' | 'revision'>): Promise<void> {
    return told(this.#database, job);
  }

  /** Says how many keys were older than seven days. */
  purgeIdempotencyKeys(): Promise<number> {
    return purgeIdempotencyKeys(this.#database);
  }
}
