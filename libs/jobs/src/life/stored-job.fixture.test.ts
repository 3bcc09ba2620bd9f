import {
  BACKUP_KIND,
  DOCUMENT_INDEX_LINK,
  RESTORE_KIND,
  type BackupRequest,
  type BackupResult,
  type FileEffect,
  type RestoreRequest,
  type SwitchEffect,
} from '@tidemark/contracts';

import { HOLDING_STATES } from './job-states.js';
import type { SeenJob, StoredJob } from './stored-job.js';

export const NOW = 1_000_000_000;
const SECOND = 1_000_000;

const SHA256 = 'ab'.repeat(32);

export const RESULT: BackupResult = {
  archive: { bytes: 10, sha256: SHA256, parts: 1 },
  documents: 1,
  versions: 2,
  earliestUpdateTimeMicros: 1,
  latestUpdateTimeMicros: 2,
  closedTimeMicros: 3,
  verified: 'EVERY_PART',
  seconds: 0.5,
};
export const FILE_EFFECT: FileEffect = { kind: 'FILE', temp: '.x.part', bytes: 10, sha256: SHA256, result: RESULT };
export const SWITCH_EFFECT: SwitchEffect = {
  kind: 'SWITCH',
  generation: 8,
  expectedLive: 7,
  documents: 1,
  versions: 2,
  effectiveBoundaryMicros: 3,
  partsRead: 4,
  partsSkipped: 5,
};
export const BACKUP: BackupRequest = {
  kind: BACKUP_KIND,
  destination: 'file:/var/backup/x.zip',
  indexServiceLink: DOCUMENT_INDEX_LINK,
  backupType: 'ZIP',
};
export const RESTORE: RestoreRequest = {
  kind: RESTORE_KIND,
  destination: 'file:/var/backup/x.zip',
  indexServiceLink: DOCUMENT_INDEX_LINK,
};

/** A backup in some state, as the database would keep it. */
export function storedJob(given: Partial<StoredJob> = {}): StoredJob {
  const state = given.state ?? 'QUEUED';
  const isHeld = (HOLDING_STATES as readonly string[]).includes(state);
  return {
    id: '01990000-0000-7000-8000-000000000001',
    position: 1,
    caller: 'tests',
    operation: 'BACKUP',
    state,
    phase: isHeld ? 'EXPORTING' : null,
    attempt: isHeld ? 1 : 0,
    revision: 1,
    fence: isHeld ? 1 : 0,
    exclusiveKey: 'destination:x',
    sealedSecrets: null,
    claimId: isHeld ? 'claim-1' : null,
    worker: isHeld ? 'worker-1' : null,
    request: BACKUP,
    warnings: [],
    progress: null,
    effect: null,
    result: null,
    reportSerial: 0,
    undone: false,
    undoFloorMicros: null,
    error: null,
    attempts: [],
    createdAtMicros: NOW - 60 * SECOND,
    startedAtMicros: isHeld ? NOW - 50 * SECOND : null,
    attemptStartedAtMicros: isHeld ? NOW - 50 * SECOND : null,
    endedAtMicros: null,
    notBeforeMicros: NOW - 60 * SECOND,
    leaseUntilMicros: isHeld ? NOW + 10 * SECOND : null,
    rungAtMicros: NOW - 60 * SECOND,
    tellAtMicros: null,
    ...given,
  };
}

export function seen(given: Partial<StoredJob> = {}, more: Partial<SeenJob> = {}): SeenJob {
  return { job: storedJob(given), nowMicros: NOW, behindAnother: false, ...more };
}
