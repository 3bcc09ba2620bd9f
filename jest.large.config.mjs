/** `npm run test:large`: what takes minutes and many GB, and is not in `npm test`. */
import config, { project } from './jest.config.mjs';

const setup = {
  globalSetup: '<rootDir>/test/large-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
};

export default { ...config, projects: [project('large', setup)] };
