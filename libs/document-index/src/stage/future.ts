import type pg from 'pg';

import { ArchiveFromFutureError } from '../errors.js';
import { CLOCK } from '../write/write-transaction.js';

/** How far the clock of the system that made an archive may have been ahead. */
export const FUTURE_MICROS = 5 * 60 * 1_000_000;

/**
 * Throws {@link ArchiveFromFutureError} when a stamp lies too far beyond the database's clock. One under the floor does
 * not: the index has given out such stamps itself, as before its clock was set back.
 */
export async function refuseFuture(
  client: pg.ClientBase,
  indexId: number,
  latestUpdateTimeMicros: number,
): Promise<void> {
  const { rows } = await client.query<{ clock: number; floor: number }>(
    `SELECT ${CLOCK} AS clock, stamp_floor AS floor FROM catalog.index WHERE id = $1`,
    [indexId],
  );
  const { clock: databaseTimeMicros = 0, floor = 0 } = rows[0] ?? {};
  if (latestUpdateTimeMicros > Math.max(databaseTimeMicros + FUTURE_MICROS, floor)) {
    throw new ArchiveFromFutureError({ latestUpdateTimeMicros, databaseTimeMicros });
  }
}
