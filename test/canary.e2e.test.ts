import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  createTestDatabase,
  PostgresProxy,
  query,
  RESTORE_KIND,
  runSystem,
  startSystem,
  type Job,
  type RawAnswer,
  type RunningSystem,
  type TestDatabase,
} from '@tidemark/testing';

import { newCanaries, Sightings } from './canaries.fixture.test.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Secrets go in wherever they can; nothing that anybody can see may hold one, at the most talkative log level. */
const canaries = {
  ...newCanaries('bearer', 'reader', 'operator', 'guess', 'signature', 'database', 'broker', 'userinfo'),
  secretKey: randomBytes(32).toString('base64'),
  grantKey: randomBytes(64).toString('base64'),
};
const { bearer, operator, signature, database: databasePassword, broker: brokerPassword } = canaries;
const SIGNED = `https://depot.example.org/archives/a.zip?X-Amz-Date=20261123&X-Amz-Signature=${signature}`;

const sightings = new Sightings();
let proxy: PostgresProxy;
let database: TestDatabase;
let it: RunningSystem;
beforeAll(async () => {
  [proxy, database] = await Promise.all([PostgresProxy.open(), createTestDatabase()]);
  it = await startSystem({
    proxy,
    like: {
      home: await mkdtemp(join(tmpdir(), 'tidemark-canary-')),
      databaseUrl: withPassword(database.url),
      services: undefined,
    },
    settings: {
      TIDEMARK_LOG_LEVEL: 'trace',
      TIDEMARK_API_TOKENS: `look:reader:${canaries.reader},ops:operator:${operator}`,
      TIDEMARK_SECRET_KEY: canaries.secretKey,
      TIDEMARK_GRANT_KEY: canaries.grantKey,
      TIDEMARK_HTTP_ALLOW: 'https://depot.example.org/archives',
      AMQP_URL: `amqp://guest:${brokerPassword}@127.0.0.1:9`,
    },
  });
});
afterAll(async () => {
  await it.remove();
  await proxy.close();
  await database.drop();
});

function withPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.username ||= 'postgres';
  url.password = databasePassword;
  return url.href;
}

const call = (
  method: string,
  path: string,
  { body, token = operator }: { body?: string | object; token?: string } = {},
): Promise<RawAnswer> =>
  sightings.call(it.url, {
    method,
    path,
    headers: {
      authorization: `Bearer ${token}`,
      prefer: 'wait=60',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
const request = async (body: string | object): Promise<{ status: number; job: Job; code: string | undefined }> => {
  const { status, text } = await call('PATCH', '/core/management', { body });
  const parsed = JSON.parse(text) as Job & { code?: string };
  return { status, job: parsed, code: parsed.code };
};
const archive = (name = 'a'): string => `file:${it.archives}/${name}.zip`;
const backup = (fields: object = {}): object => ({ kind: BACKUP_KIND, destination: archive(), bearer, ...fields });

test('jobs that run, succeed and fail', async () => {
  await call('PUT', '/notes/a', { body: { n: 1 } });
  const held = proxy.hold('tidemark-part');
  const running = request(backup());
  await held.reached;
  await sightings.tables(database.url, 'while a job runs');
  const [{ sealed } = { sealed: '' }] = await query<{ sealed: string }>(
    database.url,
    'SELECT sealed_secrets AS sealed FROM jobs.job',
  );
  expect(sealed).toMatch(/^[0-9a-f]{8}\.[\w-]{40,}$/);
  held.release();
  const { status, job } = await running;
  expect([status, job.request.bearer]).toEqual([200, '***']);
  expect((await request({ kind: RESTORE_KIND, destination: archive('none'), bearer })).job.error?.code).toBe(
    'ARCHIVE_NOT_FOUND',
  );
  expect((await request({ kind: RESTORE_KIND, destination: archive(), bearer })).status).toBe(200);
  for (const path of [
    `/core/management/jobs/${job.id}`,
    `/core/management/jobs/${job.id}/events`,
    '/core/management/jobs',
  ]) {
    expect((await call('GET', path)).text).toContain('"bearer":"***"');
  }
  await sightings.tables(database.url, 'after the jobs');
  expect(await query(database.url, 'SELECT FROM jobs.job WHERE sealed_secrets IS NOT NULL')).toEqual([]);
});

/** A request that is refused -> the code it is refused with. */
const REFUSED: [what: string, body: () => string | object, code: string][] = [
  ['a signed URL', () => backup({ destination: SIGNED }), 'NOT_IMPLEMENTED'],
  [
    'a signed URL elsewhere',
    () => backup({ destination: SIGNED.replace('depot', 'other') }),
    'DESTINATION_NOT_ALLOWED',
  ],
  ['a broken signed URL', () => backup({ destination: `${SIGNED}%zz` }), 'DESTINATION_INVALID'],
  ['a query of a file', () => backup({ destination: `${archive()}?sig=${signature}` }), 'DESTINATION_INVALID'],
  [
    'userinfo',
    () => backup({ destination: `https://me:${canaries.userinfo}@depot.example.org/archives/a.zip` }),
    'DESTINATION_INVALID',
  ],
  ['a bearer in a list', () => backup({ bearer: [bearer] }), 'PARAMETER_INVALID'],
  ['a bearer in an object', () => backup({ bearer: { token: bearer } }), 'PARAMETER_INVALID'],
  ['a bearer of two lines', () => backup({ bearer: `${bearer}\r\nX-More: ${bearer}` }), 'PARAMETER_INVALID'],
  ['a bearer without quotes', () => `{"kind":"${BACKUP_KIND}","bearer":${bearer}}`, 'BODY_UNPARSEABLE'],
  ['a bearer that never ends', () => `{"kind":"${BACKUP_KIND}","bearer":"${bearer}`, 'BODY_UNPARSEABLE'],
  ['a bearer that is all', () => bearer, 'BODY_UNPARSEABLE'],
  ['a bearer as its kind', () => backup({ kind: bearer }), 'KIND_UNKNOWN'],
  [
    'a bearer as its boundary',
    () => ({ ...backup({ kind: RESTORE_KIND }), timeSnapshotBoundaryMicros: bearer }),
    'BOUNDARY_INVALID',
  ],
  ['a bearer as its type', () => backup({ backupType: bearer }), 'BACKUP_TYPE_INVALID'],
];

test.each(REFUSED)('a request that is refused for %s', async (_what, body, code) => {
  expect((await request(body())).code).toBe(code);
});

test('a bearer under other names is ignored', async () => {
  const { status, job } = await request(
    backup({ Bearer: bearer, authorization: `Bearer ${bearer}`, more: { bearer } }),
  );
  expect([status, job.warnings.length]).toEqual([200, 3]);
});

test('callers with wrong tokens and without the right to do what they ask for', async () => {
  expect((await call('GET', '/notes/a', { token: canaries.guess })).status).toBe(401);
  expect((await call('PATCH', '/core/management', { token: canaries.reader, body: backup() })).status).toBe(403);
  expect((await call('GET', `/notes/a?token=${operator}`, { token: 'none' })).status).toBe(401);
});

test('a database that is away for a while', async () => {
  proxy.cut();
  for (const path of ['/core/management', '/core/management/jobs', '/core/health/ready', '/notes/a'])
    await call('GET', path);
  expect((await request(backup())).code).toBe('DATABASE_UNAVAILABLE');
  proxy.mend();
  expect((await request(backup())).status).toBe(200);
});

test('figures, status, health and the description of the API', async () => {
  for (const path of ['/core/metrics', '/core/management', '/core/health/ready', '/core/docs']) {
    expect((await call('GET', path, { token: canaries.reader })).status).toBe(200);
  }
  await sightings.commandLine(it.worker.pid);
});

test('starts that fail', async () => {
  const url = `postgres://me:${databasePassword}@127.0.0.1:9/x`;
  const settings: Record<string, string>[] = [
    { DATABASE_URL: url },
    { DATABASE_URL: url.replace('127.0.0.1:9', '[bad') },
    { DATABASE_URL: url.replace('postgres', 'mysql') },
    { DATABASE_URL: database.url, TIDEMARK_API_TOKENS: `ops:king:${operator}` },
    { DATABASE_URL: database.url, TIDEMARK_SECRET_KEY: `${canaries.secretKey}x` },
  ];
  for (const given of settings) {
    const { code, stderr } = await runSystem({
      TIDEMARK_HOME: it.home,
      TIDEMARK_LOG_LEVEL: 'trace',
      PORT: '0',
      ...given,
    });
    sightings.add(`a start without ${Object.keys(given).at(-1)}`, stderr);
    expect([code, stderr]).toEqual([1, expect.stringContaining(Object.keys(given).at(-1) ?? '')]);
  }
});

test('no secret was seen anywhere', async () => {
  await sightings.tables(database.url, 'at the end');
  await it.stop();
  sightings.add('the log', it.log());
  expect(sightings.leaks(canaries)).toEqual([]);
  expect(it.log()).toMatch(/"level":(10|20)/);
  expect(it.log()).toContain('"requestId"');
  for (const where of ['jobs.job at the end', 'GET /core/metrics', 'command line', '/events']) {
    expect(sightings.at(where).length).toBeGreaterThan(20);
  }
});
