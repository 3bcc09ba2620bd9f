import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError, readConfig } from '@tidemark/platform';

import { gatewaySettings } from '../config.js';
import { errorOf, exchange, GatewayFixture, type Answered } from '../gateway.fixture.test.js';

const [ONE, TWO] = ['worker-one-0123456789', 'worker-two-0123456789'];
const TIDEMARK_WORKER_TOKENS = `${ONE}, ${TWO}`;

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await GatewayFixture.open({ TIDEMARK_WORKER_TOKENS });
});
afterAll(() => fixture.close());

async function claim(headers: OutgoingHttpHeaders): Promise<Answered> {
  const { id } = await fixture.backup(`${randomUUID()}.zip`);
  return await exchange(fixture.gateway.internalUrl, {
    method: 'POST',
    path: `/internal/jobs/${id}/claim`,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ claimId: randomUUID(), worker: 'w' }),
  });
}

describe('the internal port', () => {
  test.each([ONE, TWO])('lets in a worker with one of the tokens', async (token) => {
    const answer = await claim({ authorization: `Bearer ${token}` });
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([200, { outcome: 'CLAIMED' }]);
  });

  test.each([{}, { authorization: 'Bearer worker-nil-0123456789' }, { authorization: `Basic ${ONE}` }])(
    'refuses everybody else, and names the setting: %j',
    async (headers) => {
      const answer = await claim(headers);
      expect(errorOf(answer)).toMatchObject({ statusCode: 401, code: 'UNAUTHENTICATED' });
      expect(errorOf(answer).message).toContain('send one of TIDEMARK_WORKER_TOKENS as Authorization: Bearer <token>');
    },
  );

  test.each([
    ['/internal/ended-jobs', 'POST', 401],
    ['/core/metrics', 'GET', 401],
    ['/nowhere', 'GET', 401],
    ['/core/health/live', 'GET', 200],
  ])('%s', async (path, method, status) => {
    expect((await exchange(fixture.gateway.internalUrl, { method, path })).status).toBe(status);
  });
});

test('a wrong one is named without being shown', () => {
  expect(() => readConfig(gatewaySettings, { TIDEMARK_WORKER_TOKENS: `${ONE},secret` })).toThrow(
    /TIDEMARK_WORKER_TOKENS: entry 2 must be a token of at least 16 characters/,
  );
});

test('others can reach the port only where there are tokens', async () => {
  await expect(GatewayFixture.open({ TIDEMARK_INTERNAL_HOST: '0.0.0.0' })).rejects.toThrow(
    new ConfigError(
      'TIDEMARK_INTERNAL_HOST is not a loopback address, and without TIDEMARK_WORKER_TOKENS anybody who reaches it ' +
        'could claim jobs, with the secrets of their destinations: leave TIDEMARK_INTERNAL_HOST at 127.0.0.1, ' +
        'or set TIDEMARK_WORKER_TOKENS',
    ),
  );
  const open = await GatewayFixture.open({ TIDEMARK_INTERNAL_HOST: '0.0.0.0', TIDEMARK_WORKER_TOKENS });
  await open.close();
});
