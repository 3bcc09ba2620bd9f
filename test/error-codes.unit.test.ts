import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { ERRORS, type ErrorCode } from '@tidemark/testing';

/** Why no caller can be shown a code yet: what it belongs to is not there. */
type Later = { readonly later: 'queue' | 'http' | 'undo' };

/** Where each error code is shown: a test of the whole system, or where none can reach it, one of the part that says it. */
const SHOWN_BY = {
  BODY_EMPTY: 'test/management-errors.e2e.test.ts',
  BODY_UNPARSEABLE: 'test/management-errors.e2e.test.ts',
  KIND_REQUIRED: 'test/management-errors.e2e.test.ts',
  KIND_UNKNOWN: 'test/management-errors.e2e.test.ts',
  DESTINATION_REQUIRED: 'test/management-errors.e2e.test.ts',
  DESTINATION_INVALID: 'test/management-errors.e2e.test.ts',
  BACKUP_TYPE_INVALID: 'test/management-errors.e2e.test.ts',
  BOUNDARY_INVALID: 'test/management-errors.e2e.test.ts',
  INDEX_UNKNOWN: 'test/management-errors.e2e.test.ts',
  LINK_INVALID: 'test/document-errors.e2e.test.ts',
  DOCUMENT_INVALID: 'test/document-errors.e2e.test.ts',
  LINE_INVALID: 'test/body-limits.e2e.test.ts',
  PARAMETER_INVALID: 'test/jobs-api.e2e.test.ts',
  REQUEST_MALFORMED: 'test/refused-requests.e2e.test.ts',

  UNAUTHENTICATED: 'test/api-tokens.e2e.test.ts',
  FORBIDDEN: 'test/api-tokens.e2e.test.ts',
  DESTINATION_NOT_ALLOWED: 'test/management-errors.e2e.test.ts',
  ROOT_UNUSABLE: 'test/start.e2e.test.ts',
  ORIGIN_FOREIGN: 'test/refused-requests.e2e.test.ts',

  NOT_FOUND: 'test/refused-requests.e2e.test.ts',
  DOCUMENT_NOT_FOUND: 'test/document-errors.e2e.test.ts',
  DOCUMENT_DELETED: 'test/document-errors.e2e.test.ts',
  METHOD_NOT_ALLOWED: 'test/refused-requests.e2e.test.ts',
  REQUEST_TIMEOUT: 'libs/nest/src/http/limits.int.test.ts',
  PAGE_GONE: 'test/document-listings.e2e.test.ts',

  DOCUMENT_EXISTS: 'test/document-errors.e2e.test.ts',
  IDEMPOTENCY_KEY_REUSED: 'test/idempotency-keys.e2e.test.ts',
  JOB_ENDED: 'test/jobs-api.e2e.test.ts',
  JOB_FINISHING: 'test/jobs-api.e2e.test.ts',
  NOTHING_TO_UNDO: 'test/undo.e2e.test.ts',
  INDEX_MOVED: 'test/killed-when-finishing.e2e.test.ts',
  CANCELLED: 'test/job-waiting.e2e.test.ts',
  SECRET_KEY_CHANGED: 'apps/gateway/src/secrets/secrets.int.test.ts',
  UPLOAD_CONFLICT: 'apps/archive-depot/src/upload-conflicts.int.test.ts',
  NOT_REPLAYABLE: 'test/dead-letters.e2e.test.ts',

  VERSION_MISMATCH: 'test/document-errors.e2e.test.ts',
  TOO_LARGE: 'test/body-limits.e2e.test.ts',
  CONTENT_TYPE: 'test/refused-requests.e2e.test.ts',
  RANGE_UNSATISFIABLE: 'apps/archive-depot/src/downloads.int.test.ts',
  HOST_UNKNOWN: 'test/refused-requests.e2e.test.ts',
  TOO_MANY_REQUESTS: 'test/api-tokens.e2e.test.ts',
  NOT_IMPLEMENTED: 'test/management-errors.e2e.test.ts',

  ARCHIVE_NOT_FOUND: 'test/bad-archives.e2e.test.ts',
  ARCHIVE_FOREIGN: 'test/bad-archives.e2e.test.ts',
  ARCHIVE_DAMAGED: 'test/bad-archives.e2e.test.ts',
  ARCHIVE_TRUNCATED: 'test/bad-archives.e2e.test.ts',
  ARCHIVE_VERSION_UNKNOWN: 'test/bad-archives.e2e.test.ts',
  ARCHIVE_CHANGED: 'test/failed-restores.e2e.test.ts',
  ARCHIVE_FROM_FUTURE: 'test/bad-archives.e2e.test.ts',
  BOUNDARY_BEFORE_HISTORY: 'test/small-cases.e2e.test.ts',

  DESTINATION_REFUSED: 'test/failed-backups.e2e.test.ts',
  DESTINATION_IGNORES_RANGES: 'libs/destinations/src/http/upload.int.test.ts',
  DESTINATION_UNREACHABLE: 'libs/destinations/src/file/file-destination.int.test.ts',
  DESTINATION_TIMEOUT: 'libs/destinations/src/http/upload.int.test.ts',
  DELIVERY_LOST: 'test/failed-backups.e2e.test.ts',

  DESTINATION_FULL: 'test/failed-backups.e2e.test.ts',
  SPOOL_FULL: 'test/failed-backups.e2e.test.ts',
  DATABASE_FULL: 'test/database-errors.e2e.test.ts',

  INDEX_UNAVAILABLE: 'test/database-errors.e2e.test.ts',
  DATABASE_UNAVAILABLE: 'test/database-errors.e2e.test.ts',
  BROKER_UNAVAILABLE: 'libs/messaging/src/rabbitmq/rabbitmq-faults.int.test.ts',
  SWITCH_BUSY: 'test/concurrent-jobs.e2e.test.ts',
  ATTEMPTS_EXHAUSTED: 'test/restarts.e2e.test.ts',
  INTERNAL: 'test/database-errors.e2e.test.ts',
} as const satisfies Record<ErrorCode, string | Later>;

describe('each error code', () => {
  test('is in the table, and none that is not one', () => {
    expect(Object.keys(SHOWN_BY)).toEqual(Object.keys(ERRORS));
  });

  const shown = Object.entries(SHOWN_BY).flatMap(([code, by]) => (typeof by === 'string' ? [[code, by] as const] : []));
  test.each(shown)('%s is shown by %s', async (code, file) => {
    const text = await readFile(resolve(import.meta.dirname, '..', file), 'utf8');
    expect(text.split(/['"]/)).toContain(code);
  });
});
