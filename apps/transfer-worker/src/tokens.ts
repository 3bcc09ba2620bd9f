export const JOB_RUNNER = Symbol('JobRunner');
