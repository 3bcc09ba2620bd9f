import type pg from 'pg';

import type { Attempt } from '../catalog/attempts.js';
import { SessionGoneError } from '../errors.js';

/** The right to a staged generation: the attempt with the highest fence has it. */
export interface StagedClaim extends Attempt {
  readonly generation: number;
}

export interface StagedRow {
  readonly indexId: number;
  readonly phase: string;
  readonly boundaryMicros: number | null;
}

/**
 * Reads the row of a staged generation and locks it: FOR SHARE lets parts load side by side, FOR UPDATE is for who
 * changes it. Throws where it is gone, past loading, or another attempt's.
 */
export async function lockStaged(
  client: pg.ClientBase,
  { generation, fence }: StagedClaim,
  strength: 'SHARE' | 'UPDATE',
): Promise<StagedRow> {
  const { rows } = await client.query<StagedRow & { fence: number }>(
    `SELECT index_id AS "indexId", phase, fence, boundary_micros AS "boundaryMicros"
      FROM catalog.generation WHERE id = $1 FOR ${strength}`,
    [generation],
  );
  const [row] = rows;
  if (row?.fence !== fence || !['STAGED', 'BUILT'].includes(row.phase)) {
    throw new SessionGoneError('the staged generation');
  }
  return row;
}
