import { z } from 'zod';

import { indexFiguresSchema } from '../index/staging.js';
import { JOB_STATES, jobSchema, OPERATIONS } from '../jobs/job.js';

export const MANAGEMENT_LINK = '/core/management';

const count = z.int().nonnegative();

/** What `GET /core/management` tells of the running system; null where the one to ask did not answer in time. */
export const managementStatusSchema = z.object({
  documentSelfLink: z.literal(MANAGEMENT_LINK),
  version: z.string(),
  index: indexFiguresSchema.nullable(),
  jobs: z
    .object({
      countByState: z.record(z.enum(JOB_STATES), count),
      /** The backup that ended last of those that succeeded. */
      lastBackup: jobSchema.nullable(),
    })
    .nullable(),
  /** Workers heard of within the last quarter of an hour; one that never had a job is only a consumer of its queues. */
  workers: z
    .array(
      z.object({
        worker: z.string(),
        /** Its last heartbeat, or the end of its last job. */
        lastSeenMicros: count,
        /** What it runs now. */
        jobIds: z.array(z.uuid()),
      }),
    )
    .nullable(),
  /** The queues; both figures are null where the broker has no such queue. */
  queues: z
    .array(
      z.object({
        queue: z.string(),
        /** Messages that nobody has in hand. */
        waiting: count.nullable(),
        /** Of a queue of doorbells: the workers that would take a job of its kind now. */
        consumers: count.nullable(),
      }),
    )
    .nullable(),
  /** The folders that `file:` destinations may be in. */
  fileRoots: z
    .array(
      z.object({
        root: z.string(),
        /** What the folder can be used for now. */
        serves: z.array(z.enum(OPERATIONS)),
        /** Why it does not serve both, and what would help. */
        complaint: z.string().nullable(),
      }),
    )
    .nullable(),
  /** What does not work just now, in words for a person, by the part that it concerns; empty where all is well. */
  problems: z.object({
    index: z.array(z.string()),
    jobs: z.array(z.string()),
    workers: z.array(z.string()),
    queues: z.array(z.string()),
    messaging: z.array(z.string()),
    fileRoots: z.array(z.string()),
  }),
});
export type ManagementStatus = z.infer<typeof managementStatusSchema>;
