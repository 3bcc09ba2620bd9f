import { EntitySchema } from 'typeorm';

import type { StoredJob } from '../life/stored-job.js';

/** Columns of `jobs.job`. JSON is kept as `json`, which holds every character of a request; `jsonb` refuses some. */
export const jobEntity = new EntitySchema<StoredJob>({
  name: 'job',
  schema: 'jobs',
  tableName: 'job',
  columns: {
    id: { type: 'uuid', primary: true },
    position: { type: 'bigint', insert: false, update: false },
    caller: { type: 'text' },
    operation: { type: 'text' },
    state: { type: 'text' },
    phase: { type: 'text', nullable: true },
    attempt: { type: 'integer' },
    revision: { type: 'integer' },
    fence: { type: 'bigint' },
    exclusiveKey: { name: 'exclusive_key', type: 'text' },
    claimId: { name: 'claim_id', type: 'uuid', nullable: true },
    worker: { type: 'text', nullable: true },
    request: { type: 'json' },
    sealedSecrets: { name: 'sealed_secrets', type: 'text', nullable: true },
    warnings: { type: 'json' },
    progress: { type: 'json', nullable: true },
    reportSerial: { name: 'report_serial', type: 'integer' },
    effect: { type: 'json', nullable: true },
    result: { type: 'json', nullable: true },
    undone: { type: 'boolean' },
    undoFloorMicros: { name: 'undo_floor_micros', type: 'bigint', nullable: true },
    error: { type: 'json', nullable: true },
    attempts: { type: 'json' },
    createdAtMicros: { name: 'created_at_micros', type: 'bigint' },
    startedAtMicros: { name: 'started_at_micros', type: 'bigint', nullable: true },
    attemptStartedAtMicros: { name: 'attempt_started_at_micros', type: 'bigint', nullable: true },
    endedAtMicros: { name: 'ended_at_micros', type: 'bigint', nullable: true },
    notBeforeMicros: { name: 'not_before_micros', type: 'bigint' },
    leaseUntilMicros: { name: 'lease_until_micros', type: 'bigint', nullable: true },
    rungAtMicros: { name: 'rung_at_micros', type: 'bigint', nullable: true },
    tellAtMicros: { name: 'tell_at_micros', type: 'bigint', nullable: true },
  },
});
