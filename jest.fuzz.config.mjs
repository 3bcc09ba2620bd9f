/** `npm run test:fuzz`: foreign input for every parser, TIDEMARK_TEST_FUZZ_SECONDS for each; `npm test` gives each one. */
import config, { project } from './jest.config.mjs';

export default { ...config, testTimeout: 3_600_000, projects: [project('fuzz')] };
