import type pg from 'pg';

import { workingFor } from '../catalog/attempts.js';
import { StagedRowsError } from '../errors.js';
import {
  createDocumentsIndexes,
  createDocumentsTable,
  createVersionsIndexes,
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
 * the whole can fail. Building again what was built, or half built, is fine. Each step is a transaction under the lock
 * of the generation's row: a process that stood still meanwhile does not build in what another attempt has taken over.
 */
export async function buildGeneration(
  pool: pg.Pool,
  request: BuildRequest,
  options: { parallelism: number; onStep: (step: string) => void },
): Promise<BuiltGeneration> {
  const tables = tablesOf(request.generation);
  return await withClient(pool, async (client) => {
    await client.query(settings(options.parallelism));
    try {
      for (const [step, run] of STEPS) {
        options.onStep(step);
        await whileStaged(client, { request, strength: 'SHARE' }, () => run(client, tables));
      }
      const built = await readCounts(client, tables);
      checkCounts(built, request);
      await whileStaged(client, { request, strength: 'UPDATE' }, async ({ indexId }) => {
        await refuseFuture(client, indexId, built.latestUpdateTimeMicros ?? 0);
        await markBuilt(client, request, built);
      });
      return built;
    } finally {
      await client.query('RESET ALL').catch(() => undefined);
    }
  });
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

type Step = (client: pg.ClientBase, tables: Tables) => Promise<unknown>;

const STEPS: readonly (readonly [name: string, run: Step])[] = [
  ['clearing', (client, tables) => client.query(clear(tables))],
  ['indexing versions', indexVersions],
  ['deriving documents', deriveDocuments],
  ['indexing documents', (client, tables) => runAll(client, createDocumentsIndexes(tables))],
  ['checking links', checkLinks],
  ['analyzing', (client, { versions, documents }) => client.query(`ANALYZE ${versions}; ANALYZE ${documents}`)],
];

function settings(parallelism: number): string {
  return `SET maintenance_work_mem = '256MB'; SET work_mem = '128MB';
    SET max_parallel_maintenance_workers = ${parallelism}; SET max_parallel_workers_per_gather = ${parallelism}`;
}

/** What an earlier build that did not come to its end left. */
function clear(tables: Tables): string {
  const { schema, versions, documents } = tables;
  return `ALTER TABLE ${versions} DROP CONSTRAINT IF EXISTS document_version_pkey;
    DROP INDEX IF EXISTS ${schema}.document_version_update_time;
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

async function readCounts(client: pg.ClientBase, { versions, documents }: Tables): Promise<BuiltGeneration> {
  const { rows } = await client.query<BuiltGeneration>(
    `SELECT (SELECT count(*) FROM ${versions}) AS versions, count(*) FILTER (WHERE NOT deleted) AS documents,
      max(update_time_micros) AS "latestUpdateTimeMicros" FROM ${documents}`,
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
