import type pg from 'pg';

import { StagedRowsError } from '../errors.js';
import type { Tables } from '../layout/layout.js';
import { sqlState } from '../postgres/transaction.js';

/** SQLSTATE of the database function that refuses a history; class TM is no one else's. */
const HISTORY_REFUSED = 'TM001';

/**
 * Fills the documents table from the versions in one ordered pass, in which every link's history is checked: versions
 * run 0…n without a hole, stamps rise with them, actions are known.
 */
export async function deriveDocuments(client: pg.ClientBase, { versions, documents }: Tables): Promise<void> {
  const statement = `INSERT INTO ${documents} (link, version, update_time_micros, deleted)
    SELECT link, max(version), max(update_time_micros), bool_or(is_latest AND update_action = 'DELETE')
      FROM (
        SELECT link, version, update_time_micros, update_action,
          update_time_micros > coalesce(lag(update_time_micros) OVER history, 0) AS rises,
          lead(version) OVER history IS NULL AS is_latest
        FROM ${versions} WINDOW history AS (PARTITION BY link ORDER BY version)
      ) ordered
      GROUP BY link
      HAVING CASE WHEN min(version) = 0 AND max(version) = count(*) - 1 AND bool_and(rises)
          AND bool_and(update_action IN ('POST', 'PUT', 'PATCH', 'DELETE'))
        THEN true ELSE catalog.refuse_history(link) END`;
  await client.query(statement).catch((error: unknown) => {
    throw sqlState(error) === HISTORY_REFUSED ? historyError(error) : error;
  });
}

export async function checkLinks(client: pg.ClientBase, { documents }: Tables): Promise<void> {
  const { rows } = await client.query<{ link: string }>(
    `SELECT link FROM ${documents} WHERE length(link) > 1024 OR link !~ $1 OR link ~ $2 OR link ~ $3 LIMIT 1`,
    [String.raw`^(/[A-Za-z0-9._~:@!$'()+,;=-]+)+$`, String.raw`/\.\.?(/|$)`, '^/core(/|$)'],
  );
  if (rows[0]) throw new StagedRowsError('a link is not valid', { link: rows[0].link.slice(0, 200) });
}

function historyError(error: unknown): StagedRowsError {
  const link = error instanceof Error && 'detail' in error ? String(error.detail).slice(0, 200) : '';
  return new StagedRowsError('the versions of a link are not a whole history', { link });
}
