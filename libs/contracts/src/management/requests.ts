import { z } from 'zod';

const KIND_PREFIX = 'com:vmware:xenon:services:common:ServiceHostManagementService:';
export const BACKUP_KIND = `${KIND_PREFIX}BackupRequest`;
export const RESTORE_KIND = `${KIND_PREFIX}RestoreRequest`;

export const DOCUMENT_INDEX_LINK = '/core/document-index';
/** What stands in a job instead of a secret. */
export const MASK = '***';
/** The largest number of microseconds that a JSON number holds exactly. */
export const MAX_MICROS = Number.MAX_SAFE_INTEGER;

const requestFields = {
  /** As the caller wrote it; secrets masked wherever it is shown. */
  destination: z.string(),
  indexServiceLink: z.literal(DOCUMENT_INDEX_LINK),
  /** Accepted as in the contract, without effect. */
  backupServiceLink: z.string().optional(),
  /** Always {@link MASK}: the secret itself is never part of a stored request. */
  bearer: z.literal(MASK).optional(),
};

export const backupRequestSchema = z.object({
  kind: z.literal(BACKUP_KIND),
  ...requestFields,
  /** ZIP for `file:`, STREAM for `http(s):`. */
  backupType: z.enum(['ZIP', 'STREAM']),
});
export type BackupRequest = z.infer<typeof backupRequestSchema>;

export const restoreRequestSchema = z.object({
  kind: z.literal(RESTORE_KIND),
  ...requestFields,
  timeSnapshotBoundaryMicros: z.int().min(1).max(MAX_MICROS).optional(),
});
export type RestoreRequest = z.infer<typeof restoreRequestSchema>;

/** A request as a job keeps and shows it: defaults filled in, secrets masked. */
export const managementRequestSchema = z.discriminatedUnion('kind', [backupRequestSchema, restoreRequestSchema]);
export type ManagementRequest = z.infer<typeof managementRequestSchema>;
