import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  exchange,
  refusalOf,
  startSystem,
  type Job,
  type RawAnswer,
  type RunningSystem,
  type SystemClient,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Who may call, and what each may do, where TIDEMARK_API_TOKENS says so. */
const token = (): string => randomBytes(16).toString('hex');
const TOKENS = { reader: token(), writer: token(), operator: token(), night: token() };

let it: RunningSystem;
let as: Record<keyof typeof TOKENS, SystemClient>;
beforeAll(async () => {
  const { reader, writer, operator, night } = TOKENS;
  const entries = [
    `look:reader:${reader}`,
    `app:writer:${writer}`,
    `ops:operator:${operator}`,
    `night:operator:${night}`,
  ];
  it = await startSystem({ settings: { TIDEMARK_API_TOKENS: entries.join(', '), HOST: '0.0.0.0' } });
  as = {
    reader: it.client.as(reader),
    writer: it.client.as(writer),
    operator: it.client.as(operator),
    night: it.client.as(night),
  };
  await as.writer.put('/notes/a', { n: 1 });
});
afterAll(() => it.remove());

const archive = (name: string): string => `file:${it.archives}/${name}.zip`;
/** From an address of its own, since each has a count of its own. */
const from = (localAddress: string, path: string, authorization?: string): Promise<RawAnswer> =>
  exchange(it.url, { path, localAddress, headers: authorization === undefined ? {} : { authorization } });

describe('without a token', () => {
  test.each(['/core/health/live', '/core/health/ready'])('%s answers', async (path) => {
    expect((await from('127.0.0.1', path)).status).toBe(200);
  });

  test.each([
    '/core/management',
    '/core/management/jobs',
    '/core/management/dead-letters',
    '/core/metrics',
    '/core/docs',
    '/core/nowhere',
    '/core/health',
    '/core/document-index?documentSelfLink=/*',
    '/notes/a',
    '/core%2Fhealth/live',
    '/core/health/../metrics',
  ])('%s does not', async (path) => {
    const answer = await from('127.0.0.1', path);
    expect(refusalOf(answer)).toMatchObject({ statusCode: 401, code: 'UNAUTHENTICATED' });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });
});

test.each(['Bearer', 'Bearer ', `Basic ${TOKENS.operator}`, TOKENS.operator, `Bearer ${TOKENS.operator} x`])(
  'the header %j is no token',
  async (authorization) => {
    expect(refusalOf(await from('127.0.0.1', '/notes/a', authorization))).toMatchObject({ code: 'UNAUTHENTICATED' });
  },
);

/** Each call, and who may make it. */
const CALLS: [method: string, path: string, body: unknown, may: string][] = [
  ['GET', '/notes/a', undefined, 'reader writer operator'],
  ['GET', '/notes/', undefined, 'reader writer operator'],
  ['GET', '/core/management', undefined, 'reader writer operator'],
  ['GET', '/core/management/jobs', undefined, 'reader writer operator'],
  ['GET', '/core/docs', undefined, 'reader writer operator'],
  ['PUT', '/notes/b', { n: 1 }, 'writer operator'],
  ['POST', '/notes', { n: 1 }, 'writer operator'],
  ['PATCH', '/notes/a', { n: 2 }, 'writer operator'],
  ['DELETE', '/notes/gone', undefined, 'writer operator'],
  ['POST', '/core/document-index', '{"documentSelfLink":"/notes/c"}\n', 'writer operator'],
  ['PATCH', '/core/management', {}, 'operator'],
  ['PATCH', '/%63ore/management', {}, 'operator'],
  ['DELETE', '/core/management/jobs/x', undefined, 'operator'],
  ['POST', '/core/management/jobs/x/undo', {}, 'operator'],
  ['GET', '/core/management/dead-letters', undefined, 'operator'],
  ['POST', '/core/management/dead-letters/x/replay', {}, 'operator'],
  ['POST', '/core/nowhere', {}, 'operator'],
];

test.each(CALLS)('%s %s %j is for %s', async (method, path, body, may) => {
  const headers = path === '/core/document-index' ? { 'content-type': 'application/x-ndjson' } : {};
  const allowed = [];
  for (const role of ['reader', 'writer', 'operator'] as const) {
    const answer = await as[role].call(method, path, { body, headers });
    expect(answer.status).not.toBe(401);
    if (answer.status !== 403) allowed.push(role);
    else expect(answer.body).toMatchObject({ code: 'FORBIDDEN', details: { wanted: may.split(' ')[0], role } });
  }
  expect(allowed.join(' ')).toBe(may);
});

test('a refusal names the role that is wanted', async () => {
  const { status, body } = await as.reader.put('/notes/a');
  expect([status, body.message]).toEqual([403, 'this wants the role writer; the token of look has the role reader']);
});

test('metrics are for readers; a job and its events too', async () => {
  expect(await as.reader.text('/core/metrics')).toContain('tidemark_http_request_duration_seconds');
  const { body: job } = await as.operator.backup(archive('seen'));
  expect((await as.reader.ended(job.id)).state).toBe('SUCCEEDED');
});

test('an Idempotency-Key is its caller’s own', async () => {
  const headers = { 'idempotency-key': 'nightly' };
  const backup = async (who: SystemClient): Promise<Job> => (await who.backup(archive('key'), { headers })).body;
  const first = await backup(as.operator);
  expect((await backup(as.operator)).id).toBe(first.id);
  expect((await backup(as.night)).id).not.toBe(first.id);
});

test('after ten wrong tokens an address is not listened to for a minute; another one is', async () => {
  const path = '/core/management';
  const [guesser, other] = ['127.0.0.2', '127.0.0.3'];
  for (let n = 0; n < 10; n++) {
    expect(refusalOf(await from(guesser, path, `Bearer ${token()}`))).toMatchObject({ code: 'UNAUTHENTICATED' });
  }
  for (const tried of [token(), TOKENS.operator]) {
    const answer = await from(guesser, path, `Bearer ${tried}`);
    expect(refusalOf(answer)).toMatchObject({ statusCode: 429, code: 'TOO_MANY_REQUESTS' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
  }
  expect((await from(guesser, '/core/health/live')).status).toBe(200);
  expect((await from(other, path, `Bearer ${TOKENS.operator}`)).status).toBe(200);
});

test('a large body does not keep its sender from seeing the refusal; no token is in the log', async () => {
  const body = JSON.stringify({ kind: BACKUP_KIND, destination: archive('x'), more: 'x'.repeat(50_000) });
  const headers = { 'content-type': 'application/json' };
  const answer = await exchange(it.url, { method: 'PATCH', path: '/core/management', headers, body });
  expect(refusalOf(answer)).toMatchObject({ code: 'UNAUTHENTICATED' });
  for (const secret of Object.values(TOKENS)) expect(it.log()).not.toContain(secret);
  expect(it.log()).toContain('a call with a wrong token was refused');
});
