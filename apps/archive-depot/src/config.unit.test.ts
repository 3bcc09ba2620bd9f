import { describe, expect, test } from '@jest/globals';
import { ConfigError, readConfig, silentLogger as log } from '@tidemark/platform';

import { startArchiveDepot } from './archive-depot.js';
import { archiveDepotSettings, type ArchiveDepotSettings } from './config.js';

const TIDEMARK_DEPOT_TOKENS = '0123456789abcdef, fedcba9876543210-._~+/==';
const read = (given: Record<string, string> = {}): ArchiveDepotSettings =>
  readConfig(archiveDepotSettings, { TIDEMARK_DEPOT_FOLDER: '/var/depot', ...given });

describe('the settings', () => {
  test('have the defaults of the table', () => {
    expect(read()).toEqual({
      HOST: '127.0.0.1',
      PORT: 8082,
      TIDEMARK_DEPOT_FOLDER: '/var/depot',
      TIDEMARK_DEPOT_TOKENS: [],
      TIDEMARK_HOSTS: [],
      TIDEMARK_LOG_LEVEL: 'info',
    });
  });

  test('name the folder that is wanted', () => {
    expect(() => readConfig(archiveDepotSettings, {})).toThrow(
      new ConfigError('TIDEMARK_DEPOT_FOLDER is not set: a folder for archives is wanted'),
    );
  });

  test('keep no token as it is', () => {
    const { TIDEMARK_DEPOT_TOKENS: kept } = read({ TIDEMARK_DEPOT_TOKENS });
    expect(kept.map(({ hash }) => hash.length)).toEqual([32, 32]);
  });

  test.each(['secret', 'secret secret secret', '0123456789abcdef,0123456789:bcdefsecret'])(
    'refuse %s without showing it',
    (tokens) => {
      expect(() => read({ TIDEMARK_DEPOT_TOKENS: tokens })).toThrow(
        /^TIDEMARK_DEPOT_TOKENS: entry [12] must be a token of at least 16 characters of A-Z a-z 0-9 - \. _ ~ \+ \/$/,
      );
    },
  );
});

test('a depot that lets everybody in does not start where others reach it', async () => {
  const parts = { log, onStop: () => undefined };
  await expect(startArchiveDepot(read({ HOST: '0.0.0.0' }), parts)).rejects.toThrow(
    /^HOST is not a loopback address, and without TIDEMARK_DEPOT_TOKENS anybody who reaches it could read and replace/,
  );
});
