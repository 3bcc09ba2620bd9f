import { DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';

import { MIGRATIONS } from './migrations.js';

const CONNECT_MILLIS = 5_000;

/**
 * Brings the schema `jobs` to what this version needs, on a connection of its own and without time limits.
 * Several gateways may do so at once: the first one works, the others wait for it.
 */
export async function migrate(url: string): Promise<void> {
  const source = new DataSource({
    type: 'postgres',
    url,
    applicationName: 'tidemark-jobs-migration',
    schema: 'jobs',
    migrations: MIGRATIONS,
    migrationsTableName: 'migration',
    installExtensions: false,
    poolSize: 1,
    connectTimeoutMS: CONNECT_MILLIS,
  });
  await source.initialize();
  try {
    await runUnderLock(source, source.createQueryRunner());
  } finally {
    await source.destroy();
  }
}

/** The lock ends with the connection. */
async function runUnderLock(source: DataSource, runner: QueryRunner): Promise<void> {
  try {
    await runner.query(`SELECT pg_advisory_lock(hashtextextended('tidemark:jobs:migration', 0))`);
    await createSchema(runner);
    await new MigrationExecutor(source, runner).executePendingMigrations();
  } finally {
    await runner.release();
  }
}

/** `IF NOT EXISTS` alone would demand the right to create schemas even where there is nothing to create. */
async function createSchema(runner: QueryRunner): Promise<void> {
  const found = await runner.sql<unknown[]>`SELECT FROM pg_namespace WHERE nspname = 'jobs'`;
  if (found.length === 0) await runner.query('CREATE SCHEMA jobs');
}
