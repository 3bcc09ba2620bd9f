import { newGrantKeys } from '@tidemark/contracts';
import { ConfigError, readConfig } from '@tidemark/platform';
import { describe, expect, test } from '@jest/globals';

import { checkExposure, gatewaySettings, type GatewaySettings } from './config.js';

const NEEDED = {
  DATABASE_URL: 'postgres://localhost/x',
  TIDEMARK_INDEX_URL: 'http://localhost:8081/',
  TIDEMARK_GRANT_KEY: newGrantKeys().privateKey,
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
      DATABASE_URL: 'postgres://localhost/x',
      TIDEMARK_INDEX_URL: 'http://localhost:8081',
      TIDEMARK_HOSTS: [],
      TIDEMARK_FILE_ROOTS: ['/var/backup'],
      TIDEMARK_HTTP_ALLOW: [],
      TIDEMARK_GRANT_KEY: expect.objectContaining({ type: 'private', asymmetricKeyType: 'ed25519' }),
      TIDEMARK_LEASE_SECONDS: 30,
      TIDEMARK_PATCH_WAIT_SECONDS: 0,
      TIDEMARK_LOG_LEVEL: 'info',
    });
  });

  test.each([
    [{ TIDEMARK_API_TOKENS: 'abc' }, 'TIDEMARK_API_TOKENS: is not supported yet, and must not be ignored: unset it'],
    [{ TIDEMARK_AUTH: 'basic' }, 'TIDEMARK_AUTH: must be none'],
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
    [{ DATABASE_URL: '' }, 'DATABASE_URL is not set: a postgres:// URL is wanted'],
    [{ TIDEMARK_LEASE_SECONDS: 'long' }, 'TIDEMARK_LEASE_SECONDS: must be a number of seconds'],
    [{ TIDEMARK_LEASE_SECONDS: '0' }, 'TIDEMARK_LEASE_SECONDS: must be at least 0.1'],
    [{ TIDEMARK_PATCH_WAIT_SECONDS: '601' }, 'TIDEMARK_PATCH_WAIT_SECONDS: must be at most 600'],
  ])('%j is refused', (given, message) => {
    expect(() => read(given)).toThrow(new ConfigError(message));
  });
});

describe('a gateway that lets everybody in', () => {
  test.each(['127.0.0.1', '127.8.9.1', 'localhost', '::1'])('may be at %s', (HOST) => {
    expect(() => checkExposure(read({ HOST }))).not.toThrow();
  });

  test.each(['0.0.0.0', '::', '192.168.1.2', 'example.org', '127.0.0.1.example.org'])('may not be at %s', (HOST) => {
    expect(() => checkExposure(read({ HOST }))).toThrow(ConfigError);
    expect(() => checkExposure(read({ HOST }))).toThrow(
      /^HOST is not a loopback address.*TIDEMARK_API_TOKENS.*TIDEMARK_AUTH=none/,
    );
    expect(() => checkExposure(read({ HOST, TIDEMARK_AUTH: 'none' }))).not.toThrow();
  });
});
