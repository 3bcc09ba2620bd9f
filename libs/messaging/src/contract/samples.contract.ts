import { BACKUP_KIND, type Job, type ProgressReport, type SettledReport } from '@tidemark/contracts';

export const JOB = '01990000-0000-7000-8000-000000000001';
export const OTHER_JOB = '01990000-0000-7000-8000-000000000002';

export function progress(fence: number): ProgressReport {
  return { jobId: JOB, fence, serial: 1, phase: 'EXPORTING', progress: null };
}

export function settled(fence: number): SettledReport {
  return { jobId: JOB, fence, outcome: { state: 'CANCELLED' } };
}

export function job(operation: Job['operation'], state: Job['state']): Job {
  return {
    documentSelfLink: `/core/management/jobs/${JOB}`,
    id: JOB,
    operation,
    state,
    phase: null,
    attempt: 1,
    revision: 1,
    request: {
      kind: BACKUP_KIND,
      destination: 'file:/var/backup/a.zip',
      indexServiceLink: '/core/document-index',
      backupType: 'ZIP',
    },
    progress: null,
    createdAtMicros: 1,
    startedAtMicros: null,
    endedAtMicros: null,
    result: null,
    undone: false,
    error: null,
    attempts: [],
    warnings: [],
  };
}
