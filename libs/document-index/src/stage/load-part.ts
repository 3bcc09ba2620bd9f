import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type pg from 'pg';

import type { LoadedPart } from '@tidemark/contracts';

import { workingFor } from '../catalog/attempts.js';
import { StagedRowsError } from '../errors.js';
import { COLUMN_NAMES, tablesOf } from '../layout/layout.js';
import { CopyIn } from '../postgres/copy-in.js';
import { isRefusedRow, withTransaction } from '../postgres/transaction.js';
import { lockStaged, type StagedClaim } from './staged-row.js';

/**
 * Loads one part in one transaction, leaving out rows behind the boundary. `rows` is checked COPY text that ends with
 * an error where anything is wrong with it: then nothing of the part is loaded. A part loaded before is not read. The
 * memory of its chunks is given away.
 */
export async function loadPart(
  pool: pg.Pool,
  target: StagedClaim & { readonly part: number },
  rows: Readable,
): Promise<LoadedPart> {
  // A server that fails soon after forgets the part whole, and the build finds that out.
  const begin = `BEGIN; SET LOCAL synchronous_commit = off; ${workingFor(target)}`;
  const load = async (client: pg.PoolClient): Promise<LoadedPart> => {
    const { boundaryMicros } = await lockStaged(client, target, 'SHARE');
    const before = await loadedBefore(client, target);
    if (before !== undefined) {
      rows.destroy();
      return { rowsLoaded: before, repeated: true };
    }
    const { versions } = tablesOf(target.generation);
    const boundary = boundaryMicros === null ? '' : `WHERE (update_time_micros > ${boundaryMicros}) IS NOT TRUE`;
    const statement = `COPY ${versions} (${COLUMN_NAMES}) FROM STDIN ${boundary}`;
    const copy = client.query(new CopyIn(statement, { freesChunks: true }));
    await pipeline(rows, copy).catch((error: unknown) => {
      throw isRefusedRow(error) ? new StagedRowsError('a row that no index can hold', { part: target.part }) : error;
    });
    await client.query('INSERT INTO catalog.staged_part (generation, part, rows_loaded) VALUES ($1, $2, $3)', [
      target.generation,
      target.part,
      copy.rowCount,
    ]);
    return { rowsLoaded: copy.rowCount, repeated: false };
  };
  return await withTransaction(pool, load, begin);
}

async function loadedBefore(
  client: pg.ClientBase,
  { generation, part }: { generation: number; part: number },
): Promise<number | undefined> {
  const { rows } = await client.query<{ loaded: number }>(
    'SELECT rows_loaded AS loaded FROM catalog.staged_part WHERE generation = $1 AND part = $2',
    [generation, part],
  );
  return rows[0]?.loaded;
}
