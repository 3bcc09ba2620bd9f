import type pg from 'pg';

import { workingFor } from '../catalog/attempts.js';
import { StagedRowsError } from '../errors.js';
import {
  createDocumentsIndexes,
  createDocumentsTable,
  createVersionsIndexes,
  makeVersionsKey,
  tablesOf,
  type Tables,
} from '../layout/layout.js';
import { isRefusedRow, sqlState, withClient } from '../postgres/transaction.js';
import { checkLinks, deriveDocuments } from './check-staged.js';
import { refuseFuture } from './future.js';
import { lockStaged, type StagedClaim, type StagedRow } from './staged-row.js';

/** Counts of a generation that is ready to be switched to. */
export interface BuiltGeneration {
  /** Documents that are there; deleted ones are not counted. */
  readonly documents: number;
  readonly versions: number;
  readonly latestUpdateTimeMicros: number | null;
}

export interface BuildRequest extends StagedClaim {
  /** What the loaded rows must add up to; null where a boundary filtered them. */
  readonly expectedVersions: number | null;
  readonly expectedDocuments: number | null;
}

const UNIQUE_VIOLATION = '23505';

/**
 * Makes a loaded generation whole: indexes, the latest version of each document, statistics, and the checks that only
 * the whole can fail. Versions and documents are worked on side by side. Building again what was built, or half built,
 * is fine. Each step is a transaction under the lock of the generation's row: a process that stood still meanwhile does
 * not build in what another attempt has taken over.
 */
export async function buildGeneration(
  pool: pg.Pool,
  request: BuildRequest,
  options: { parallelism: number; onStep: (step: string) => void },
): Promise<BuiltGeneration> {
  const tables = tablesOf(request.generation);
  const run = (steps: readonly Step[]): Promise<void> =>
    withClient(pool, async (client) => {
      await client.query(settings(options.parallelism));
      try {
        for (const { name, work } of steps) {
          options.onStep(name);
          await whileStaged(client, { request, strength: 'SHARE' }, () => work(client, tables));
        }
      } finally {
        await client.query('RESET ALL').catch(() => undefined);
      }
    });
  await run(FIRST);
  await allOrFirstError([run(OF_VERSIONS), run(OF_DOCUMENTS)]);
  await run(LAST);
  return await withClient(pool, async (client) => {
    const built = await readCounts(client, request);
    checkCounts(built, request);
    await whileStaged(client, { request, strength: 'UPDATE' }, async ({ indexId }) => {
      await refuseFuture(client, indexId, built.latestUpdateTimeMicros ?? 0);
      await markBuilt(client, request, built);
    });
    return built;
  });
}

/** Waits for all of them; of several errors the one that comes first in the list is thrown, whenever it happened. */
async function allOrFirstError(works: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** Runs `work` in a transaction in which the generation is this attempt's to build; throws where it is not. */
async function whileStaged(
  client: pg.ClientBase,
  { request, strength }: { request: BuildRequest; strength: 'SHARE' | 'UPDATE' },
  work: (row: StagedRow) => Promise<unknown>,
): Promise<void> {
  await client.query(`BEGIN; ${workingFor(request)}`);
  try {
    await work(await lockStaged(client, request, strength));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

interface Step {
  readonly name: string;
  readonly work: (client: pg.ClientBase, tables: Tables) => Promise<unknown>;
}

const FIRST: readonly Step[] = [{ name: 'clearing', work: (client, tables) => client.query(clear(tables)) }];
const OF_VERSIONS: readonly Step[] = [
  { name: 'indexing versions', work: indexVersions },
  { name: 'analyzing versions', work: (client, { versions }) => client.query(`ANALYZE ${versions}`) },
];
/** Deriving sorts by itself, so it need not wait for the index of the versions. */
const OF_DOCUMENTS: readonly Step[] = [
  { name: 'deriving documents', work: deriveDocuments },
  { name: 'indexing documents', work: (client, tables) => runAll(client, createDocumentsIndexes(tables)) },
  { name: 'checking links', work: checkLinks },
  { name: 'analyzing documents', work: (client, { documents }) => client.query(`ANALYZE ${documents}`) },
];
const LAST: readonly Step[] = [
  { name: 'making the key', work: (client, tables) => client.query(makeVersionsKey(tables)) },
];

function settings(parallelism: number): string {
  return `SET maintenance_work_mem = '256MB'; SET work_mem = '128MB';
    SET max_parallel_maintenance_workers = ${parallelism}; SET max_parallel_workers_per_gather = ${parallelism}`;
}

/** What an earlier build that did not come to its end left. */
function clear(tables: Tables): string {
  const { schema, versions, documents } = tables;
  return `ALTER TABLE ${versions} DROP CONSTRAINT IF EXISTS document_version_pkey;
    DROP INDEX IF EXISTS ${schema}.document_version_pkey, ${schema}.document_version_update_time;
    DROP TABLE IF EXISTS ${documents};
    ${createDocumentsTable(tables)}`;
}

async function indexVersions(client: pg.ClientBase, tables: Tables): Promise<void> {
  await runAll(client, createVersionsIndexes(tables)).catch((error: unknown) => {
    if (sqlState(error) === UNIQUE_VIOLATION) throw new StagedRowsError('a version of a link comes twice');
    throw isRefusedRow(error) ? new StagedRowsError('a link is not valid') : error;
  });
}

async function runAll(client: pg.ClientBase, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await client.query(statement);
}

/** Each part's rows were counted as they were loaded. */
async function readCounts(client: pg.ClientBase, { generation }: BuildRequest): Promise<BuiltGeneration> {
  const { documents } = tablesOf(generation);
  const { rows } = await client.query<BuiltGeneration>(
    `SELECT (SELECT coalesce(sum(rows_loaded), 0)::bigint FROM catalog.staged_part WHERE generation = $1) AS versions,
      count(*) FILTER (WHERE NOT deleted) AS documents, max(update_time_micros) AS "latestUpdateTimeMicros"
      FROM ${documents}`,
    [generation],
  );
  const [counts] = rows;
  if (!counts) throw new Error('a generation without counts');
  return counts;
}

function checkCounts(built: BuiltGeneration, { expectedVersions, expectedDocuments }: BuildRequest): void {
  const differs = (expected: number | null, counted: number): boolean => expected !== null && expected !== counted;
  if (differs(expectedVersions, built.versions)) {
    throw new StagedRowsError('it holds another number of versions than its manifest says', {
      expected: expectedVersions,
      counted: built.versions,
    });
  }
  if (differs(expectedDocuments, built.documents)) {
    throw new StagedRowsError('it holds another number of documents than its manifest says', {
      expected: expectedDocuments,
      counted: built.documents,
    });
  }
}

async function markBuilt(client: pg.ClientBase, request: BuildRequest, built: BuiltGeneration): Promise<void> {
  await client.query(
    `UPDATE catalog.generation SET phase = 'BUILT', documents = $2, versions = $3, latest_update_time_micros = $4
      WHERE id = $1`,
    [request.generation, built.documents, built.versions, built.latestUpdateTimeMicros],
  );
}
