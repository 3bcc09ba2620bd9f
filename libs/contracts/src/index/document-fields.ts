import { z } from 'zod';

/** Fields that the index sets itself; what a client sends for the first four is ignored. */
export const BUILT_IN_FIELDS = [
  'documentVersion',
  'documentSelfLink',
  'documentUpdateTimeMicros',
  'documentUpdateAction',
  'documentKind',
  'documentExpirationTimeMicros',
] as const;
export type BuiltInField = (typeof BUILT_IN_FIELDS)[number];

/** The method that made a version; a DELETE version is a tombstone. */
export const UPDATE_ACTIONS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type UpdateAction = (typeof UPDATE_ACTIONS)[number];

export const MAX_DOCUMENT_BYTES = 1024 * 1024;
/** Objects and lists inside each other, the document itself counted. */
export const MAX_DOCUMENT_DEPTH = 256;
export const MAX_MANAGEMENT_BODY_BYTES = 64 * 1024;

export const bulkResultSchema = z.object({
  /** Lines read. */
  accepted: z.int().nonnegative(),
  /** Versions written: a DELETE of a link that is not there writes none. */
  versions: z.int().nonnegative(),
  lastUpdateTimeMicros: z.int().nonnegative().nullable(),
});
export type BulkResult = z.infer<typeof bulkResultSchema>;
