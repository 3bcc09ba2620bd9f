/** One Jest process for every tier; the tier is in the file name. */
export const project = (tier, services = {}) => ({
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

export const withServices = {
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
};

/** Whole-system tests that are about something else than what a system does, or that start their systems themselves. */
const NOT_OVER_SERVICES = [
  ...['start', 'start-services', 'demo', 'by-hand', 'canary', 'canary-services', 'memory', 'hostile-archives'],
  ...['two-of-each[^.]*', 'grants', 'broker-outage', 'consumer-timeout', 'queue-faults', 'queue-example'],
  ...[
    'archive-depot',
    'own-depot',
    'http-resume',
    'http-cancel',
    'http-fault[^.]*',
    'crash[^.]*',
    'frozen[^.]*',
    'ancestor',
    'http-servers',
    'https',
    'backup-rate',
    'worker-tokens',
    'burst',
    'dead-letters',
    'full-disks',
    'narrow-worker',
    'swapped-destinations',
    'flat-costs',
  ],
];

const overServices = {
  ...project('e2e', withServices),
  displayName: 'services',
  globalSetup: '<rootDir>/test/services-setup.mjs',
  testEnvironment: '<rootDir>/test/services-environment.mjs',
  testPathIgnorePatterns: NOT_OVER_SERVICES.map((name) => `/test/${name}\\.e2e\\.`),
};

export default {
  /** A limit for what hangs, not a measure: processes and databases are started, two or more at a time. */
  testTimeout: 30_000,
  /** One worker on two cores: the servers that are tested need the other. A worker that has grown is replaced. */
  maxWorkers: '50%',
  workerIdleMemoryLimit: '1GB',
  reporters: ['default', '<rootDir>/scripts/test-reporter.mjs'],
  projects: [
    project('unit'),
    project('fuzz'),
    project('int', withServices),
    project('e2e', withServices),
    overServices,
  ],
};
