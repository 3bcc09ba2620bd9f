import pg from 'pg';
import { DataSource, type Repository } from 'typeorm';

import {
  createDocumentsTable,
  createLinkIndex,
  createParentIndex,
  createVersionsIndexes,
  createVersionsTable,
  LAYOUT,
  makeKeys,
  tablesOf,
} from '../layout/layout.js';
import { generationSchema, type GenerationRecord } from './entities.js';
import { LOCKS } from './locks.js';
import { MIGRATIONS } from './migrations.js';

/** What an index is at one moment: which generation answers and the highest stamp it has closed. */
export interface IndexPointer {
  readonly live: number;
  readonly previous: number | null;
  readonly floor: number;
}

/** The catalog of the one index there is: rows that change seldom. Documents never go through here. */
export interface Catalog {
  readonly indexId: number;
  readonly generations: Repository<GenerationRecord>;
  close(): Promise<void>;
}

interface Queryable {
  query<R extends pg.QueryResultRow>(text: string): Promise<pg.QueryResult<R>>;
}

/** Reads the pointer in a statement of its own: in one with the lock it would be the stale one. */
export async function readPointer(client: Queryable, indexId: number): Promise<IndexPointer> {
  const { rows } = await client.query<IndexPointer>(pointerQuery(indexId));
  const [pointer] = rows;
  if (!pointer) throw new Error(`the catalog has no index ${indexId}`);
  return pointer;
}

export function pointerQuery(indexId: number): string {
  return `SELECT live_generation AS live, previous_generation AS previous, stamp_floor AS floor
    FROM catalog.index WHERE id = ${indexId}`;
}

/** Brings the catalog up to date, making the index with an empty first generation if it is new. */
export async function openCatalog(url: string, indexName: string): Promise<Catalog> {
  const source = new DataSource({
    type: 'postgres',
    url,
    schema: 'catalog',
    entities: [generationSchema],
    migrations: MIGRATIONS,
    migrationsTableName: 'migration',
    applicationName: 'tidemark-catalog',
    poolSize: 2,
  });
  const indexId = await exclusively(url, async (client) => {
    await client.query('CREATE SCHEMA IF NOT EXISTS catalog');
    await source.initialize();
    await source.runMigrations({ transaction: 'each' });
    return await ensureIndex(client, indexName);
  });
  return { indexId, generations: source.getRepository(generationSchema), close: () => source.destroy() };
}

async function exclusively<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'tidemark-migration' });
  await client.connect();
  try {
    await client.query(`SELECT pg_advisory_lock(${LOCKS.migration}, 0)`);
    return await work(client);
  } finally {
    await client.end();
  }
}

async function ensureIndex(client: pg.Client, name: string): Promise<number> {
  await client.query('INSERT INTO catalog.index (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
  const { rows } = await client.query<{ id: number; live: string | null }>(
    'SELECT id, live_generation AS live FROM catalog.index WHERE name = $1',
    [name],
  );
  const [index] = rows;
  if (!index) throw new Error(`the index ${name} could not be made`);
  if (index.live === null) await createFirstGeneration(client, index.id);
  return index.id;
}

async function createFirstGeneration(client: pg.Client, indexId: number): Promise<void> {
  await client.query('BEGIN');
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO catalog.generation (index_id, layout, phase) VALUES ($1, $2, 'IN_SERVICE') RETURNING id`,
    [indexId, LAYOUT],
  );
  const generation = Number(rows[0]?.id);
  const tables = tablesOf(generation);
  await client.query(createVersionsTable(tables));
  await client.query(createDocumentsTable(tables));
  for (const statement of [
    ...createVersionsIndexes(tables),
    createLinkIndex(tables),
    createParentIndex(tables),
    makeKeys(tables),
  ]) {
    await client.query(statement);
  }
  await client.query('UPDATE catalog.index SET live_generation = $2 WHERE id = $1', [indexId, generation]);
  await client.query('COMMIT');
}
