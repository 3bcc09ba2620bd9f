import { expect, test } from '@jest/globals';

import { readConfig } from '@tidemark/platform';

import { transferWorkerSettings } from './config.js';

const NEEDED = { TIDEMARK_GATEWAY_URL: 'http://127.0.0.1:8001', TIDEMARK_SPOOL: '/var/spool/tidemark' };

const limitOf = (value?: string): number | undefined =>
  readConfig(transferWorkerSettings, { ...NEEDED, TIDEMARK_BACKUP_BYTES_PER_SECOND: value })
    .TIDEMARK_BACKUP_BYTES_PER_SECOND;

test('backups have no limit on bytes a second unless one is set', () => {
  expect([limitOf(), limitOf(''), limitOf('65536')]).toEqual([undefined, undefined, 65536]);
});

test.each([
  ['65535', 'must be at least 65536'],
  ['0', 'must be at least 65536'],
  ['-1', 'must be at least 65536'],
  ['70000.5', 'must be a whole number'],
  ['10MB', 'must be a whole number'],
])('a limit of %s is refused', (value, complaint) => {
  expect(() => limitOf(value)).toThrow(`TIDEMARK_BACKUP_BYTES_PER_SECOND: ${complaint}`);
});
