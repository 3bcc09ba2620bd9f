import type pg from 'pg';

import { workingFor } from '../catalog/attempts.js';
import { SessionGoneError, StagedRowsError } from '../errors.js';
import {
  createDocumentsTable,
  createLinkIndex,
  createParentIndex,
  createVersionsIndexes,
  makeKeys,
  tablesOf,
  type Tables,
} from '../layout/layout.js';
import { isRefusedRow, sqlState, withClient } from '../postgres/transaction.js';
import { buildSettings } from './build-settings.js';
import { checkLinks, deriveDocuments, historyWithHole } from './check-staged.js';
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
  /** How many were loaded, as their loaders were told. */
  readonly loadedParts: number;
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
  const loaded = await withClient(pool, (client) => countLoaded(client, request));
  const run = (steps: readonly Step[]): Promise<void> =>
    withClient(pool, async (client) => {
      await client.query(buildSettings(options.parallelism, loaded));
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
  const [versions, derived] = [run(OF_VERSIONS), run(DERIVING)];
  const listing = Promise.all([versions, derived]).then(() => run(OF_LISTINGS));
  await allOrFirstError([versions, derived.then(() => run(OF_DOCUMENTS)), listing]);
  await run(LAST);
  return await withClient(pool, async (client) => {
    const built = await readCounts(client, tables, loaded);
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
/** It sorts by itself, so it need not wait for the index of the versions. */
const DERIVING: readonly Step[] = [{ name: 'deriving documents', work: deriveDocuments }];
const OF_DOCUMENTS: readonly Step[] = [
  { name: 'indexing documents', work: (client, tables) => client.query(createLinkIndex(tables)) },
  { name: 'checking links', work: checkLinks },
];
/** By whoever has done with the versions, which takes less time than the documents do. */
const OF_LISTINGS: readonly Step[] = [
  { name: 'indexing listings', work: (client, tables) => client.query(createParentIndex(tables)) },
];
const LAST: readonly Step[] = [
  { name: 'analyzing documents', work: (client, { documents }) => client.query(`ANALYZE ${documents}`) },
  { name: 'making the keys', work: (client, tables) => client.query(makeKeys(tables)) },
];

/** What an earlier build that did not come to its end left. */
function clear(tables: Tables): string {
  const { schema, versions, documents } = tables;
  return `ALTER TABLE ${versions} DROP CONSTRAINT IF EXISTS document_version_pkey;
    DROP INDEX IF EXISTS ${schema}.document_version_pkey, ${schema}.document_version_update_time;
    DROP TABLE IF EXISTS ${documents};
    ${createDocumentsTable(tables)}`;
}

async function indexVersions(client: pg.ClientBase, tables: Tables): Promise<void> {
  try {
    for (const statement of createVersionsIndexes(tables)) await client.query(statement);
  } catch (error) {
    if (sqlState(error) === UNIQUE_VIOLATION) throw new StagedRowsError('a version of a link comes twice');
    throw isRefusedRow(error) ? new StagedRowsError('a link is not valid') : error;
  }
}

/**
 * Each part's rows were counted as they were loaded. Throws where the server has forgotten a part: it has failed before
 * the part was on its disk, or another took its place that had not got so far.
 */
async function countLoaded(client: pg.ClientBase, { generation, loadedParts }: BuildRequest): Promise<number> {
  const { rows } = await client.query<{ parts: number; versions: number }>(
    `SELECT count(*) AS parts, coalesce(sum(rows_loaded), 0)::bigint AS versions FROM catalog.staged_part
      WHERE generation = $1`,
    [generation],
  );
  const { parts = 0, versions = 0 } = rows[0] ?? {};
  if (parts < loadedParts) throw new SessionGoneError('a part that was loaded');
  return versions;
}

/** Counts, and sees whether every history is whole: there are as many versions as the latest ones say. */
async function readCounts(client: pg.ClientBase, tables: Tables, versions: number): Promise<BuiltGeneration> {
  const { rows } = await client.query<Omit<BuiltGeneration, 'versions'> & { whole: boolean }>(
    `SELECT count(*) FILTER (WHERE NOT deleted) AS documents, max(update_time_micros) AS "latestUpdateTimeMicros",
        coalesce(sum(version), 0) + count(*) = $1 AS whole
      FROM ${tables.documents}`,
    [versions],
  );
  if (!rows[0]) throw new Error('a generation without counts');
  const { whole, ...counts } = rows[0];
  if (!whole) throw await historyWithHole(client, tables);
  return { versions, ...counts };
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
