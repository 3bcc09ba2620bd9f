import { randomBytes } from 'node:crypto';

import { newGrantKeys } from '@tidemark/contracts';
import { ConfigError, readConfig } from '@tidemark/platform';
import { describe, expect, test } from '@jest/globals';

import { gatewaySettings, type GatewaySettings } from './config.js';

const NEEDED = {
  DATABASE_URL: 'postgres://localhost/x',
  TIDEMARK_INDEX_URL: 'http://localhost:8081/',
  TIDEMARK_GRANT_KEY: newGrantKeys().privateKey,
  TIDEMARK_SECRET_KEY: randomBytes(32).toString('base64'),
};
const read = (given: Record<string, string> = {}): GatewaySettings =>
  readConfig(gatewaySettings, { ...NEEDED, ...given });

describe('the settings', () => {
  test('have the defaults of the table', () => {
    expect(read()).toEqual({
      HOST: '127.0.0.1',
      PORT: 8000,
      TIDEMARK_INTERNAL_HOST: '127.0.0.1',
      TIDEMARK_INTERNAL_PORT: 8001,
      TIDEMARK_WORKER_TOKENS: [],
      DATABASE_URL: 'postgres://localhost/x',
      TIDEMARK_INDEX_URL: 'http://localhost:8081',
      TIDEMARK_HOSTS: [],
      TIDEMARK_FILE_ROOTS: ['/var/backup'],
      TIDEMARK_HTTP_ALLOW: [],
      TIDEMARK_HTTP_ALLOW_PRIVATE: [],
      TIDEMARK_API_TOKENS: [],
      TIDEMARK_GRANT_KEY: expect.objectContaining({ type: 'private', asymmetricKeyType: 'ed25519' }),
      TIDEMARK_SECRET_KEY: expect.objectContaining({ type: 'secret', symmetricKeySize: 32 }),
      TIDEMARK_LEASE_SECONDS: 30,
      TIDEMARK_PATCH_WAIT_SECONDS: 0,
      TIDEMARK_LOG_LEVEL: 'info',
    });
  });

  test.each([
    [{ TIDEMARK_AUTH: 'basic' }, 'TIDEMARK_AUTH: must be none'],
    [{ DATABASE_URL: 'postgres://me:s3cret@[bad/x' }, 'DATABASE_URL: must be a postgres:// URL'],
    [
      { TIDEMARK_INDEX_URL: 'localhost:8081' },
      'TIDEMARK_INDEX_URL: the http:// URL of the index-service is wanted, without a path',
    ],
    [
      { TIDEMARK_INDEX_URL: 'http://localhost/index' },
      'TIDEMARK_INDEX_URL: the http:// URL of the index-service is wanted, without a path',
    ],
    [
      { TIDEMARK_INDEX_URL: '' },
      'TIDEMARK_INDEX_URL is not set: the http:// URL of the index-service is wanted, without a path',
    ],
    ...['', 'secret', newGrantKeys().publicKey].map((key): [Record<string, string>, string] => [
      { TIDEMARK_GRANT_KEY: key },
      key === ''
        ? 'TIDEMARK_GRANT_KEY is not set: the private half of an Ed25519 key is wanted; `npm run make-env` makes a pair'
        : 'TIDEMARK_GRANT_KEY: must be the private half of an Ed25519 key (base64 of DER); `npm run make-env` makes a pair',
    ]),
    ...['', 'secret', randomBytes(31).toString('base64'), randomBytes(32).toString('hex')].map(
      (key): [Record<string, string>, string] => [
        { TIDEMARK_SECRET_KEY: key },
        `TIDEMARK_SECRET_KEY${key === '' ? ' is not set' : ''}: 32 random bytes in base64 are wanted; \`npm run make-env\` makes them`,
      ],
    ),
    [{ DATABASE_URL: '' }, 'DATABASE_URL is not set: a postgres:// URL is wanted'],
    [{ TIDEMARK_LEASE_SECONDS: 'long' }, 'TIDEMARK_LEASE_SECONDS: must be a number of seconds'],
    [{ TIDEMARK_LEASE_SECONDS: '0' }, 'TIDEMARK_LEASE_SECONDS: must be at least 0.1'],
    [{ TIDEMARK_PATCH_WAIT_SECONDS: '601' }, 'TIDEMARK_PATCH_WAIT_SECONDS: must be at most 600'],
  ])('%j is refused', (given, message) => {
    expect(() => read(given)).toThrow(new ConfigError(message));
  });
});
