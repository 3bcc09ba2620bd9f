import { randomBytes } from 'node:crypto';

import pg from 'pg';

import { environment } from '@tidemark/platform';

/** An empty database of one test file's own. */
export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Ends every session on it and drops it. */
  drop(): Promise<void>;
}

/** URL of the server that the global setup found or started; a superuser's, so that tests may make databases. */
export function testServerUrl(): string {
  const url = environment().TIDEMARK_TEST_POSTGRES;
  if (!url) throw new Error('TIDEMARK_TEST_POSTGRES is not set: run the tests with npm test');
  return url;
}

/** On the server that the global setup found or started, unless another is given. */
export async function createTestDatabase(serverUrl = testServerUrl()): Promise<TestDatabase> {
  const name = `tidemark_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await onServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, name, drop: () => onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function onServer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
