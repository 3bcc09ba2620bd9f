/** One Jest process for every tier; the tier is in the file name. */
const project = (tier, services = {}) => ({
  displayName: tier,
  testMatch: [`<rootDir>/{apps,libs}/*/src/**/*.${tier}.test.ts`, `<rootDir>/test/**/*.${tier}.test.ts`],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', {}] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node'] },
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/'],
  ...services,
});

const withServices = {
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
};

export default {
  /** A limit for what hangs, not a measure: processes and databases are started, two or more at a time. */
  testTimeout: 30_000,
  /** Most tests wait for a server or a disk half of their time. */
  maxWorkers: '100%',
  reporters: ['default', '<rootDir>/scripts/test-reporter.mjs'],
  projects: [project('unit'), project('int', withServices), project('e2e', withServices)],
};
