export const JOB_RUNNER = Symbol('JobRunner');
export const JOB_STEPS = Symbol('Steps');
