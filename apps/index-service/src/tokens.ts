export const DOCUMENT_INDEX = Symbol('DocumentIndex');
export const SESSION_SETTINGS = Symbol('SessionSettings');
export const JOB_STEPS = Symbol('Steps');

/** What the controllers of snapshots and staged generations need to know of this process. */
export interface SessionSettings {
  /** Base URL that others reach this replica by; known only once it listens. */
  advertisedUrl: () => string;
  readonly partBytes: number;
}
