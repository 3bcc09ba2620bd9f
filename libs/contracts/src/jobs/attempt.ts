import { z } from 'zod';

import { managementRequestSchema } from '../management/requests.js';
import { backupResultSchema, JOB_PHASES, jobErrorSchema, jobProgressSchema, OPERATIONS } from './job.js';

/** Bodies between a transfer-worker and the gateway about one attempt; all under `/internal/jobs/{id}/`. */

const fence = z.int().positive();
const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** The same `claimId` sent again gets the same answer, so a lost answer costs nothing. */
export const claimRequestSchema = z.object({ claimId: z.uuid(), worker: z.string().min(1).max(200) });
export type ClaimRequest = z.infer<typeof claimRequestSchema>;

/** What a job in FINISHING is about to make true; any attempt can finish it. */
export const effectSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('FILE'),
    /** Name of the finished temp file, beside the destination. */
    temp: z.string(),
    bytes: count,
    sha256,
    /** What the job's result will be once the file has its name. */
    result: backupResultSchema,
  }),
  z.object({
    kind: z.literal('SWITCH'),
    generation: count,
    expectedLive: count,
    documents: count,
    versions: count,
    effectiveBoundaryMicros: count,
    partsRead: count,
    partsSkipped: count,
  }),
]);
export type Effect = z.infer<typeof effectSchema>;
export type FileEffect = Extract<Effect, { kind: 'FILE' }>;
export type SwitchEffect = Extract<Effect, { kind: 'SWITCH' }>;

const claimedSchema = z.object({
  outcome: z.literal('CLAIMED'),
  jobId: z.uuid(),
  operation: z.enum(OPERATIONS),
  attempt: count,
  fence,
  leaseSeconds: z.number().positive(),
  /** No other attempt comes after it, whatever it fails with. */
  isLast: z.boolean(),
  /** The attempt before this one was not heard of for a whole lease: what it had on its way may still arrive. */
  isAfterSilence: z.boolean(),
  request: managementRequestSchema,
  /** Set when an earlier attempt got as far as FINISHING: finish this, do not start over. */
  effect: effectSchema.nullable(),
});
/** Nothing to run now: unknown, ended, running elsewhere, or waiting for another job. The doorbell is done with. */
const nothingSchema = z.object({ outcome: z.literal('NOTHING') });
/** What a claim is about, before it goes over HTTP. */
export type Claim = z.infer<typeof claimedSchema>;

/**
 * The claim as it is answered over HTTP: with where the attempt's index is, a grant to use it, and the secrets of the
 * request opened: the destination of its `request` is whole.
 */
export const wireClaimAnswerSchema = z.discriminatedUnion('outcome', [
  claimedSchema.extend({
    indexUrl: z.url(),
    grant: z.string(),
    /** For the destination alone. */
    bearer: z.string().optional(),
  }),
  nothingSchema,
]);
export type WireClaimAnswer = z.infer<typeof wireClaimAnswerSchema>;
export type WireClaim = Extract<WireClaimAnswer, { outcome: 'CLAIMED' }>;

export const heartbeatRequestSchema = z.object({ fence });
export type HeartbeatRequest = z.infer<typeof heartbeatRequestSchema>;

/** GO: the lease is extended. CANCEL: extended, and the attempt shall stop. LOST: the attempt has no say any more. */
export const heartbeatAnswerSchema = z.object({ verdict: z.enum(['GO', 'CANCEL', 'LOST']) });
export type HeartbeatAnswer = z.infer<typeof heartbeatAnswerSchema>;

export const finishingRequestSchema = z.object({
  fence,
  effect: effectSchema,
  warnings: z.array(z.string()).optional(),
});
export type FinishingRequest = z.infer<typeof finishingRequestSchema>;

/** Reports of a worker over the queue (the last one by HTTP where no broker takes it); applied by compare-and-set on the fence, so late and doubled ones are harmless. */
export const progressReportSchema = z.object({
  jobId: z.uuid(),
  fence,
  /** Rises from report to report of an attempt: they may be overtaken on their way, and then say nothing any more. */
  serial: z.int().min(1),
  phase: z.enum(JOB_PHASES),
  progress: jobProgressSchema.nullable(),
});
export type ProgressReport = z.infer<typeof progressReportSchema>;

export const settledReportSchema = z.object({
  jobId: z.uuid(),
  fence,
  outcome: z.discriminatedUnion('state', [
    z.object({ state: z.literal('SUCCEEDED'), result: backupResultSchema }),
    z.object({ state: z.literal('FAILED'), error: jobErrorSchema.omit({ attempt: true }) }),
    z.object({ state: z.literal('CANCELLED'), destinationTouched: z.boolean().optional() }),
    /** The worker shuts down: the next attempt may start at once and this one does not count. */
    z.object({ state: z.literal('HANDED_BACK') }),
  ]),
  warnings: z.array(z.string()).optional(),
});
export type SettledReport = z.infer<typeof settledReportSchema>;
export type Outcome = SettledReport['outcome'];

/** Which of these jobs have ended: what a worker keeps for them is of no use any more. */
export const endedJobsRequestSchema = z.object({ jobIds: z.array(z.uuid()).max(1000) });
export const endedJobsSchema = z.object({ ended: z.array(z.uuid()) });

/** "Look at this job." */
export const doorbellSchema = z.object({ jobId: z.uuid() });
export type Doorbell = z.infer<typeof doorbellSchema>;
