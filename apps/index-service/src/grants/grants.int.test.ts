import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  DOCUMENT_INDEX_LINK,
  GRANT_HEADER,
  grantPrivateKey,
  newGrantKeys,
  signGrant,
  type AttemptGrant,
  type Grant,
} from '@tidemark/contracts';
import { readConfig, silentLogger, systemClock, type Logger } from '@tidemark/platform';
import { createTestDatabase, errorOf, exchange, SystemClient, type Answer, type TestDatabase } from '@tidemark/testing';

import { indexServiceSettings, startIndexService } from '../index.js';

const KEYS = newGrantKeys();
const key = grantPrivateKey.parse(KEYS.privateKey);

let database: TestDatabase;
let client: SystemClient;
interface Warning {
  readonly reason: string;
}
let warned: Warning[] = [];
const steps: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  const settings = { DATABASE_URL: database.url, PORT: '0', TIDEMARK_GRANT_KEY: KEYS.publicKey };
  const log = Object.assign(Object.create(silentLogger) as Logger, {
    warn: (fields: Warning) => void warned.push(fields),
  });
  const onStop = (_name: string, stop: () => Promise<unknown>): void => void steps.unshift(stop);
  const { url } = await startIndexService(readConfig(indexServiceSettings, settings), { log, onStop });
  client = new SystemClient(url);
});
afterAll(async () => {
  for (const step of steps) await step();
  await database.drop();
});
beforeEach(() => {
  warned = [];
});

const soon = (): number => systemClock.nowMicros() + 60_000_000;
const gateway = (): Grant => ({ to: 'GATEWAY', expiresAtMicros: soon() });
const backup = (given: Partial<AttemptGrant> = {}): AttemptGrant => ({
  to: 'ATTEMPT',
  jobId: randomUUID(),
  fence: 3,
  operation: 'BACKUP',
  index: DOCUMENT_INDEX_LINK,
  expiresAtMicros: soon(),
  ...given,
});

function call(
  method: string,
  path: string,
  { grant, body }: { grant?: Grant | string; body?: object } = {},
): Promise<Answer> {
  const token = typeof grant === 'object' ? signGrant(grant, key) : grant;
  return client.call(method, path, {
    ...(body ? { body } : {}),
    headers: token === undefined ? {} : { [GRANT_HEADER]: token },
  });
}

/** Opens a snapshot for the attempt of the grant, or for the one that is given. */
function openSnapshot(grant: AttemptGrant | string, attempt?: { jobId: string; fence: number }): Promise<Answer> {
  const { jobId, fence } = attempt ?? (grant as AttemptGrant);
  return call('POST', '/snapshots', { grant, body: { jobId, fence } });
}

function expectRefused(answer: Answer, reason: string): void {
  expect(answer.status).toBe(403);
  expect(errorOf(answer)).toMatchObject({ code: 'FORBIDDEN' });
  expect(errorOf(answer).message).toContain(reason);
  expect(warned).toEqual([expect.objectContaining({ reason: expect.stringContaining(reason) })]);
}

describe('without a grant', () => {
  test.each([
    ['POST', '/snapshots'],
    ['POST', '/staged-generations'],
    ['POST', '/switch'],
    ['GET', '/figures'],
    ['GET', '/documents/a/b'],
    ['PUT', '/documents/a/b'],
    ['POST', '/document-index'],
    ['GET', '/anything'],
    ['GET', '/snapshots'],
    ['GET', '//figures'],
  ])('%s %s is refused, and logged once', async (method, path) => {
    expectRefused(await call(method, path, method === 'GET' ? {} : { body: {} }), 'there is no grant');
  });

  test.each(['/core/health/live', '/core/health/ready', '/core/metrics'])('%s answers', async (path) => {
    const answer = await fetch(`${client.url}${path}`);
    await answer.body?.cancel();
    expect(answer.status).toBe(200);
  });

  test.each([
    ['/snapshots/x/totals', 503, 'INDEX_UNAVAILABLE'],
    ['/staged-generations/x/build', 503, 'INDEX_UNAVAILABLE'],
    ['/snapshots/../figures', 404, 'NOT_FOUND'],
    ['/snapshots/x/../../figures', 404, 'NOT_FOUND'],
  ])('a session that nobody was told of is no way in: %s', async (path, status, code) => {
    const answer = await exchange(client.url, { path });
    expect([answer.status, (JSON.parse(answer.text) as { code: string }).code]).toEqual([status, code]);
  });
});

describe('a grant for an attempt', () => {
  test('opens a snapshot, again too; what it opened needs no grant', async () => {
    const grant = backup();
    const { status, body } = await openSnapshot(grant);
    expect(status).toBe(201);
    expect((await openSnapshot(grant)).status).toBe(201);
    const { pathname } = new URL((body as { session: string }).session);
    expect(pathname).toMatch(/^\/snapshots\/[\w-]{22,}$/);
    expect((await call('GET', `${pathname}/totals`)).status).toBe(200);
    expect((await call('DELETE', pathname)).status).toBe(204);
  });

  test('is refused once a later attempt of the job was seen', async () => {
    const later = backup({ fence: 9 });
    expect((await openSnapshot(later)).status).toBe(201);
    expectRefused(await openSnapshot({ ...later, fence: 8 }), 'that another has followed');
  });

  const forged = (token: string): string => {
    const [body = '', signature = ''] = token.split('.');
    const grant = JSON.parse(Buffer.from(body, 'base64url').toString()) as AttemptGrant;
    return `${Buffer.from(JSON.stringify({ ...grant, fence: 99 })).toString('base64url')}.${signature}`;
  };
  const other = grantPrivateKey.parse(newGrantKeys().privateKey);

  test.each<[what: string, token: () => string, reason: string]>([
    ['of another index', () => signGrant(backup({ index: '/core/other' }), key), 'for another index'],
    ['for the other operation', () => signGrant(backup({ operation: 'RESTORE' }), key), 'for no BACKUP'],
    ['that has expired', () => signGrant(backup({ expiresAtMicros: systemClock.nowMicros() - 1 }), key), 'has expired'],
    ['signed by another key', () => signGrant(backup(), other), 'is forged'],
    ['with another fence written into it', () => forged(signGrant(backup(), key)), 'is forged'],
    ['without its signature', () => signGrant(backup(), key).split('.')[0] ?? '', 'is forged'],
    ['that is nothing', () => '', 'is forged'],
    ['of another form', () => signGrant({ ...backup(), jobId: 'x' }, key), 'of another form'],
    ['of the gateway', () => signGrant(gateway(), key), 'for no BACKUP'],
  ])('%s is refused, and logged once', async (_what, token, reason) => {
    expectRefused(await openSnapshot(token(), { jobId: randomUUID(), fence: 3 }), reason);
  });

  test('does not open a snapshot for another attempt', async () => {
    const grant = backup();
    expectRefused(await openSnapshot(signGrant(grant, key), { ...grant, fence: 4 }), 'for another attempt');
  });

  test.each([
    ['POST', '/switch'],
    ['GET', '/figures'],
    ['GET', '/documents/a/b'],
  ])('is none for %s %s', async (method, path) => {
    expectRefused(
      await call(method, path, { grant: backup(), ...(method === 'POST' ? { body: {} } : {}) }),
      'is for an attempt',
    );
  });
});

test('the grant of the gateway reads, writes and asks', async () => {
  expect((await call('GET', '/figures', { grant: gateway() })).status).toBe(200);
  expect((await call('GET', '/document-index?documentSelfLink=/*', { grant: gateway() })).status).toBe(200);
  expect(warned).toEqual([]);
});
