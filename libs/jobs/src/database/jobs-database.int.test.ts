import { afterEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { DataSource } from 'typeorm';

import { silentLogger } from '@tidemark/platform';
import { createTestDatabase, testServerUrl, type TestDatabase } from '@tidemark/testing';

import { JobStore } from '../index.js';
import { newJob } from '../job-store.fixture.test.js';
import { SwallowingNetwork } from '../swallowing-network.fixture.test.js';
import { jobEntity } from './job-entity.js';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function database(): Promise<TestDatabase> {
  const created = await createTestDatabase();
  cleanUps.push(() => created.drop());
  return created;
}

async function open(url: string, answerMillis?: number): Promise<JobStore> {
  const store = await JobStore.open({ url, log: silentLogger, ...(answerMillis ? { answerMillis } : {}) });
  cleanUps.push(() => store.close());
  return store;
}

async function onServer(url: string, ...statements: string[]): Promise<pg.QueryResult[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const results = [];
    for (const statement of statements) results.push(await client.query(statement));
    return results;
  } finally {
    await client.end();
  }
}

describe('the tables', () => {
  test('are made once, however many gateways start at once, and stay when they start again', async () => {
    const { url } = await database();
    const [first] = await Promise.all([open(url), open(url), open(url), open(url)]);
    const { job } = await first.create(newJob());
    expect(await (await open(url)).get(job.id)).toEqual(job);
    const [ran] = await onServer(url, 'SELECT name FROM jobs.migration');
    expect(ran?.rows).toEqual([
      { name: 'JobTables1795400000001' },
      { name: 'UndoneJobs1795400000002' },
      { name: 'SealedSecrets1795400000003' },
      { name: 'UntoldEnds1795800000004' },
      { name: 'NewestJobs1795800000005' },
      { name: 'LateReports1796000000006' },
    ]);
  });

  test('can be made by a user who owns the schema and may make no other', async () => {
    const { url, name } = await database();
    const role = `${name}_gateway`;
    await onServer(url, `CREATE ROLE ${role} LOGIN PASSWORD '${role}'`, `CREATE SCHEMA jobs AUTHORIZATION ${role}`);
    cleanUps.splice(0, 0, () => onServer(testServerUrl(), `DROP ROLE ${role}`));
    const own = new URL(url);
    own.username = role;
    own.password = role;
    const { outcome } = await (await open(own.href)).create(newJob());
    expect(outcome).toBe('CREATED');
  });

  test('have the columns that the entity says', async () => {
    const { url } = await database();
    await open(url);
    const [found] = await onServer(
      url,
      `SELECT column_name AS name, data_type AS type, is_nullable = 'YES' AS nullable
       FROM information_schema.columns WHERE table_schema = 'jobs' AND table_name = 'job'`,
    );
    const source = new DataSource({ type: 'postgres', url, entities: [jobEntity] });
    await source.initialize();
    cleanUps.push(() => source.destroy());
    const described = source
      .getMetadata(jobEntity)
      .columns.map((column) => ({ name: column.databaseName, type: column.type, nullable: column.isNullable }));
    expect(new Set(described)).toEqual(new Set(found?.rows));
  });
});

describe('a database that cannot be reached', () => {
  test('is DATABASE_UNAVAILABLE at the start', async () => {
    await expect(open('postgres://nobody@127.0.0.1:1/none')).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('is DATABASE_UNAVAILABLE when it ends connections, and the store goes on after it', async () => {
    const { url, name } = await database();
    const store = await open(url);
    const session = new pg.Client({ connectionString: url });
    await session.connect();
    await session.query('BEGIN; LOCK TABLE jobs.job');
    const waiting = store.list({ limit: 1 });
    const killed = `SELECT count(pg_terminate_backend(pid))::int AS killed FROM pg_stat_activity
      WHERE datname = '${name}' AND application_name = 'tidemark-jobs' AND wait_event_type = 'Lock'`;
    for (;;) if ((await session.query<{ killed: number }>(killed)).rows[0]?.killed) break;
    await expect(waiting).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await session.end();
    expect(await store.list({ limit: 1 })).toEqual({ jobs: [], next: null });
  });

  test('is DATABASE_UNAVAILABLE when the network swallows everything, and so is no later statement', async () => {
    const { url } = await database();
    const network = await SwallowingNetwork.before(url);
    cleanUps.push(() => network.close());
    const store = await open(network.url, 2_000);
    network.swallow();
    await expect(store.list({ limit: 1 })).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(await store.list({ limit: 1 })).toEqual({ jobs: [], next: null });
  });

  test('is DATABASE_UNAVAILABLE when a statement takes too long', async () => {
    const { url } = await database();
    const store = await open(url, 2_000);
    const session = new pg.Client({ connectionString: url });
    await session.connect();
    await session.query('BEGIN; LOCK TABLE jobs.job');
    await expect(store.list({ limit: 1 })).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await session.end();
    expect(await store.list({ limit: 1 })).toEqual({ jobs: [], next: null });
  });

  test('does not show the values of a statement that fails', async () => {
    const { url } = await database();
    const store = await open(url);
    await onServer(url, 'ALTER TABLE jobs.job DROP COLUMN caller');
    const error: unknown = await store.create(newJob({ caller: 'canary-0815' })).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary-0815');
  });
});
