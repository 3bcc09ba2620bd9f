/** `npm run test:crash`: every process killed at every step, or frozen, and random faults; some minutes each. */
import config, { project, withServices } from './jest.config.mjs';

const steps = project('e2e', withServices);

export default {
  ...config,
  projects: [{ ...steps, testMatch: ['<rootDir>/test/{crash,frozen}*.e2e.test.ts'] }, project('crash', withServices)],
};
