import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '@tidemark/platform';

import { checkExposure, type Exposure } from './exposure.js';

const exposed = (host: string, { auth, given = false }: { auth?: Exposure['auth']; given?: boolean } = {}) => {
  return () => checkExposure({ host, auth, tokens: { setting: 'MY_TOKENS', given }, danger: 'do everything' });
};

test('whether everybody is let in or not must be said in one way', () => {
  expect(exposed('127.0.0.1', { auth: 'none', given: true })).toThrow(
    'TIDEMARK_AUTH=none lets everybody in, MY_TOKENS does not: unset one of them',
  );
});

describe('a server that lets everybody in', () => {
  test.each(['127.0.0.1', '127.8.9.1', 'localhost', '::1'])('may be at %s', (host) => {
    expect(exposed(host)).not.toThrow();
  });

  test.each(['0.0.0.0', '::', '192.168.1.2', 'example.org', '127.0.0.1.example.org'])('may not be at %s', (host) => {
    expect(exposed(host)).toThrow(ConfigError);
    expect(exposed(host)).toThrow(/^HOST is not a loopback address.*MY_TOKENS.*do everything.*TIDEMARK_AUTH=none/);
    expect(exposed(host, { auth: 'none' })).not.toThrow();
    expect(exposed(host, { given: true })).not.toThrow();
  });
});
