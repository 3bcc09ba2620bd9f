/**
 * The steps of a job that outlast the process which makes them, in the order of a backup, then of a restore. What has
 * been done at a step holds whatever dies right after it; who brings the job to its end from there is in ARCHITECTURE.md.
 */
export const STEPS = {
  'job stored': 'gateway',
  'doorbell sent': 'gateway',
  claimed: 'gateway',
  'message acknowledged': 'transfer-worker',
  'snapshot opened': 'index-service',
  'part fetched': 'transfer-worker',
  'part appended': 'transfer-worker',
  'archive closed': 'transfer-worker',
  'chunk acknowledged': 'transfer-worker',
  'read back': 'transfer-worker',
  'archive opened': 'transfer-worker',
  'generation staged': 'index-service',
  'part staged': 'index-service',
  'indexes built': 'index-service',
  'effect stored': 'gateway',
  'archive named': 'transfer-worker',
  switched: 'index-service',
  'switch answered': 'gateway',
  'outcome reported': 'transfer-worker',
  settled: 'gateway',
  'event sent': 'gateway',
} as const;
export type Step = keyof typeof STEPS;

/** Told of each step when it has been made, and waited for before anything follows: who wires a process can hold it there. */
export interface Steps {
  made(step: Step): Promise<void>;
}

export const UNOBSERVED: Steps = { made: () => Promise.resolve() };
