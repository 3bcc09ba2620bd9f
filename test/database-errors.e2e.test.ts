import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  BACKUP_KIND,
  exchange,
  fingerprintOf,
  holdLocks,
  PostgresProxy,
  query,
  refusalOf,
  refuseChanges,
  startSystem,
  waitingForLock,
  type RawAnswer,
  type RunningSystem,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** What callers are told when the database is away, full or busy, and that all is well as soon as it is back. */
let proxy: PostgresProxy;
let it: RunningSystem;
beforeAll(async () => {
  proxy = await PostgresProxy.open();
  it = await startSystem({ proxy });
  await it.client.put('/kept/a', { n: 1 });
});
afterAll(async () => {
  await it.remove();
  await proxy.close();
});

const send = (method: string, path: string, body?: string): Promise<RawAnswer> => {
  const type = path === '/core/document-index' ? 'application/x-ndjson' : 'application/json';
  return exchange(it.url, { method, path, ...(body === undefined ? {} : { body, headers: { 'content-type': type } }) });
};
const backup = (): string => JSON.stringify({ kind: BACKUP_KIND, destination: `file:${it.archives}/a.zip` });

const READS: [method: string, path: string][] = [
  ['GET', '/kept/a'],
  ['GET', '/kept/'],
  ['GET', '/core/document-index?documentSelfLink=/kept*'],
  ['GET', '/core/management/jobs'],
];
const WRITES: [method: string, path: string, body: () => string][] = [
  ['PUT', '/kept/a', () => '{"n":2}'],
  ['PATCH', '/kept/a', () => '{"n":2}'],
  ['POST', '/kept', () => '{"documentSelfLink":"b"}'],
  ['POST', '/core/document-index', () => '{"documentSelfLink":"/kept/a","n":2}\n'],
  ['PATCH', '/core/management', backup],
];

test('503: while the database cannot be reached; afterwards everything goes on by itself', async () => {
  const before = await fingerprintOf(it);
  proxy.cut();
  for (const [method, path, body] of [...READS, ...WRITES]) {
    const error = refusalOf(await send(method, path, body?.()));
    expect([method, path, error.statusCode, error.code]).toEqual([method, path, 503, 'DATABASE_UNAVAILABLE']);
    expect(error.message).toBe('the database cannot be reached or is shutting down');
  }
  expect((await send('GET', '/core/health/live')).status).toBe(200);
  expect((await send('GET', '/core/health/ready')).status).toBe(503);
  expect((await send('GET', '/core/management')).status).toBe(200);
  proxy.mend();
  expect(await fingerprintOf(it)).toEqual(before);
  for (const [method, path] of READS) expect([path, (await send(method, path)).status]).toEqual([path, 200]);
  expect((await it.client.backup(`file:${it.archives}/a.zip`)).status).toBe(200);
});

describe('507: while the database has no room', () => {
  test('nothing is written, and reading goes on', async () => {
    const before = await fingerprintOf(it);
    const versions = `index_${before.liveGeneration}.document_version` as const;
    const mends = [
      await refuseChanges(it, `INSERT ON ${versions}`, '53100'),
      await refuseChanges(it, 'INSERT ON jobs.job', '53100'),
    ];
    for (const [method, path, body] of WRITES) {
      const error = refusalOf(await send(method, path, body()));
      expect([method, path, error.statusCode, error.code]).toEqual([method, path, 507, 'DATABASE_FULL']);
    }
    for (const [method, path] of READS) expect((await send(method, path)).status).toBe(200);
    for (const mend of mends) await mend();
    expect(await fingerprintOf(it)).toEqual(before);
    expect((await send('PUT', '/kept/a', '{"n":3}')).status).toBe(200);
  });
});

test('503: a write that the database has cancelled', async () => {
  const { liveGeneration } = await fingerprintOf(it);
  const locks = await holdLocks(it.databaseUrl, `SELECT FROM index_${liveGeneration}.document FOR UPDATE`);
  const answered = send('PUT', '/kept/a', '{"n":"cancelled"}');
  await query(it.databaseUrl, 'SELECT pg_cancel_backend($1)', [
    await waitingForLock(it.databaseUrl, 'tidemark-writer'),
  ]);
  expect(refusalOf(await answered)).toMatchObject({ statusCode: 503, code: 'INDEX_UNAVAILABLE' });
  await locks.end();
  expect((await it.client.call('GET', '/kept/a')).body).not.toMatchObject({ n: 'cancelled' });
});

test('500: what nobody has thought of tells callers nothing, and the log everything', async () => {
  const { liveGeneration } = await fingerprintOf(it);
  const mend = await refuseChanges(it, `INSERT ON index_${liveGeneration}.document_version`, 'XX001');
  const answer = await send('PUT', '/kept/a', '{"n":4}');
  await mend();
  const error = refusalOf(answer);
  expect(error).toMatchObject({ statusCode: 500, code: 'INTERNAL' });
  expect(answer.text).not.toMatch(/refused by a test|XX001|document_version/);
  expect(it.log()).toContain('refused by a test');
  expect((await send('PUT', '/kept/a', '{"n":4}')).status).toBe(200);
});
