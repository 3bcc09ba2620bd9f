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
    messaging: z.array(z.string()),
    fileRoots: z.array(z.string()),
  }),
});
export type ManagementStatus = z.infer<typeof managementStatusSchema>;
