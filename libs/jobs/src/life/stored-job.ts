import { jobLink, type Effect, type Job } from '@tidemark/contracts';

/** A job as it is kept: what every caller sees, and what only the gateway needs. Times are the database's. */
export interface StoredJob extends Omit<Job, 'documentSelfLink'> {
  /** Rises from job to job in the order of their creation. */
  position: number;
  caller: string;
  exclusiveKey: string;
  /** What is masked in the request, sealed by the gateway; null where nothing is, and from the job's end on. */
  sealedSecrets: string | null;
  fence: number;
  /** Of the latest claim, also when its attempt has ended: one claimId claims once and never again. */
  claimId: string | null;
  worker: string | null;
  /** Null while nobody runs the job. */
  leaseUntilMicros: number | null;
  attemptStartedAtMicros: number | null;
  notBeforeMicros: number;
  rungAtMicros: number | null;
  /** Set while its end, or its undo, has not been told: from then on whoever sees it tells it. */
  tellAtMicros: number | null;
  /** Of the latest report that the attempt has made; 0 before its first. */
  reportSerial: number;
  /** What the index said with the latest undo or redo; null where nobody has undone anything. */
  undoFloorMicros: number | null;
  /** Set when the job enters FINISHING, and never changed. */
  effect: Effect | null;
}

/** What a change writes; `revision`, `position`, the erasing of secrets and the telling of an end are not its business. */
export type JobChanges = Partial<
  Omit<StoredJob, 'id' | 'position' | 'revision' | 'createdAtMicros' | 'request' | 'sealedSecrets' | 'tellAtMicros'>
>;

/** A job at a moment of the database's clock. */
export interface SeenJob {
  readonly job: StoredJob;
  readonly nowMicros: number;
  /** An older job that has not ended, or a running one, has the same exclusive key. */
  readonly behindAnother: boolean;
}

export function toJob(stored: StoredJob): Job {
  return {
    documentSelfLink: jobLink(stored.id),
    id: stored.id,
    operation: stored.operation,
    state: stored.state,
    phase: stored.phase,
    attempt: stored.attempt,
    revision: stored.revision,
    request: stored.request,
    progress: stored.progress,
    createdAtMicros: stored.createdAtMicros,
    startedAtMicros: stored.startedAtMicros,
    endedAtMicros: stored.endedAtMicros,
    result: stored.result,
    undone: stored.undone,
    error: stored.error,
    attempts: stored.attempts,
    warnings: stored.warnings,
  };
}

/** True while an attempt has the right to run the job. */
export function isLeased({ job, nowMicros }: SeenJob): boolean {
  return job.leaseUntilMicros !== null && job.leaseUntilMicros >= nowMicros;
}

/** `warnings` and those of `added` that are not among them yet: an attempt after another may say the same again. */
export function mergeWarnings(warnings: readonly string[], added: readonly string[] = []): string[] {
  return [...new Set([...warnings, ...added])];
}

/** Whether one of them may have overwritten something at the destination. */
export function isTouched(attempts: StoredJob['attempts']): boolean {
  return attempts.some(({ error }) => error?.destinationTouched);
}

/** Those of a job that is cancelled: a job without an error must still tell what its attempts have overwritten. */
export function cancelledWarnings({ warnings, attempts }: Pick<StoredJob, 'warnings' | 'attempts'>): string[] {
  return isTouched(attempts) ? mergeWarnings(warnings, [TOUCHED]) : [...warnings];
}

const TOUCHED =
  'the destination may hold neither the old archive nor a whole new one: bytes had been sent there before the job was cancelled';
