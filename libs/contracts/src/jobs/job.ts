import { z } from 'zod';

import type { ErrorCode } from '../errors/error-table.js';
import { isErrorCode } from '../errors/error-table.js';
import { managementRequestSchema } from '../management/requests.js';

export const JOBS_LINK = '/core/management/jobs';

export const OPERATIONS = ['BACKUP', 'RESTORE'] as const;
export type Operation = (typeof OPERATIONS)[number];

export const JOB_STATES = ['QUEUED', 'RUNNING', 'FINISHING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const TERMINAL_STATES = ['SUCCEEDED', 'FAILED', 'CANCELLED'] as const satisfies readonly JobState[];
export type TerminalState = (typeof TERMINAL_STATES)[number];

export function isTerminal(state: JobState): state is TerminalState {
  return (TERMINAL_STATES as readonly JobState[]).includes(state);
}

/** Where a running job is; which of them a job passes is told by its operation. */
export const JOB_PHASES = [
  'STARTING',
  'SNAPSHOT',
  'EXPORTING',
  'UPLOADING',
  'VERIFYING',
  'DELIVERING',
  'DOWNLOADING',
  'OPENING',
  'STAGING',
  'BUILDING',
  'SWITCHING',
] as const;
export type JobPhase = (typeof JOB_PHASES)[number];

/** Every part of the archive; or all of it but its parts, and some of those (only over HTTP, by a setting). */
export const VERIFIED = ['EVERY_PART', 'SAMPLE'] as const;
export type Verified = (typeof VERIFIED)[number];

const micros = z.int().nonnegative();
const count = z.int().nonnegative();
const errorCode = z.custom<ErrorCode>(isErrorCode, 'an error code of the table');

/** Counts of the running attempt; `null` where a figure is not known. */
export const jobProgressSchema = z.object({
  versionsDone: count,
  versionsTotal: count.nullable(),
  bytesDone: count,
  bytesTotal: count.nullable(),
  percent: z.number().min(0).max(100).nullable(),
  versionsPerSecond: z.number().nonnegative().nullable(),
  bytesPerSecond: z.number().nonnegative().nullable().default(null),
  etaSeconds: z.number().nonnegative().nullable(),
});
export type JobProgress = z.infer<typeof jobProgressSchema>;

export const jobErrorSchema = z.object({
  code: errorCode,
  message: z.string(),
  phase: z.enum(JOB_PHASES).nullable(),
  attempt: count,
  retriable: z.boolean(),
  /** True when bytes at an http(s) destination may have been overwritten; told of a CANCELLED job as well. */
  destinationTouched: z.boolean().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type JobError = z.infer<typeof jobErrorSchema>;

export const backupResultSchema = z.object({
  archive: z.object({ bytes: count, sha256: z.string(), parts: count }),
  /** Documents that exist at the closed time; deleted ones are not counted. */
  documents: count,
  versions: count,
  earliestUpdateTimeMicros: micros.nullable(),
  latestUpdateTimeMicros: micros.nullable(),
  closedTimeMicros: micros,
  /** What was read back from where it lies and compared before the job succeeded. */
  verified: z.enum(VERIFIED),
  seconds: z.number().nonnegative(),
});
export type BackupResult = z.infer<typeof backupResultSchema>;

export const restoreResultSchema = z.object({
  documents: count,
  versions: count,
  effectiveBoundaryMicros: micros,
  generation: count,
  previousGeneration: count.nullable(),
  /**
   * Versions of the generation that was live before which the one that is live now does not have; of the latest switch
   * of this job: the restore itself, its undo or its redo.
   */
  versionsLeftBehind: count,
  partsRead: count,
  partsSkipped: count,
  restartRequired: z.literal(false),
  /** From the start of the attempt to the end of the switch. */
  seconds: z.number().nonnegative(),
});
export type RestoreResult = z.infer<typeof restoreResultSchema>;

export const jobResultSchema = z.union([backupResultSchema, restoreResultSchema]);
export type JobResult = z.infer<typeof jobResultSchema>;

/** How one run of a job that did not succeed ended. */
export const jobAttemptSchema = z.object({
  attempt: count,
  startedAtMicros: micros,
  endedAtMicros: micros,
  error: jobErrorSchema.nullable(),
});
export type JobAttempt = z.infer<typeof jobAttemptSchema>;

/** A job as every caller sees it. */
export const jobSchema = z.object({
  documentSelfLink: z.string(),
  id: z.uuid(),
  operation: z.enum(OPERATIONS),
  state: z.enum(JOB_STATES),
  phase: z.enum(JOB_PHASES).nullable(),
  attempt: count,
  /** Rises with every change of the job. */
  revision: count,
  request: managementRequestSchema,
  progress: jobProgressSchema.nullable(),
  createdAtMicros: micros,
  startedAtMicros: micros.nullable(),
  endedAtMicros: micros.nullable(),
  result: jobResultSchema.nullable(),
  /** True for a restore that was undone, until it is redone. */
  undone: z.boolean(),
  error: jobErrorSchema.nullable(),
  attempts: z.array(jobAttemptSchema),
  warnings: z.array(z.string()),
});
export type Job = z.infer<typeof jobSchema>;

export const jobListSchema = z.object({
  documentLinks: z.array(z.string()),
  documents: z.record(z.string(), jobSchema),
  documentCount: count,
  nextPageLink: z.string().optional(),
});
export type JobList = z.infer<typeof jobListSchema>;

export function jobLink(id: string): string {
  return `${JOBS_LINK}/${id}`;
}
