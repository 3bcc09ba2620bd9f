import type pg from 'pg';

import { StagedRowsError } from '../errors.js';
import type { Tables } from '../layout/layout.js';
import { sqlState } from '../postgres/transaction.js';

/** SQLSTATE of the database function that refuses a history; class TM is no one else's. */
const HISTORY_REFUSED = 'TM001';

/**
 * Fills the documents table from the versions in one ordered pass, in which each version is looked at beside the next
 * one of its link: stamps rise with versions, actions are known. Holes show when all is counted.
 */
export async function deriveDocuments(client: pg.ClientBase, { versions, documents }: Tables): Promise<void> {
  const statement = `INSERT INTO ${documents} (link, version, update_time_micros, deleted)
    SELECT link, version, update_time_micros, update_action = 'DELETE' FROM (
      SELECT link, version, update_time_micros, update_action,
        CASE WHEN version < 0 OR update_time_micros <= 0 OR lag(update_time_micros) OVER falling <= update_time_micros
            OR update_action NOT IN ('POST', 'PUT', 'PATCH', 'DELETE')
          THEN catalog.refuse_history(link) ELSE lag(update_time_micros) OVER falling IS NULL END AS is_latest
      FROM ${versions} WINDOW falling AS (PARTITION BY link ORDER BY version DESC)
    ) ordered
    WHERE is_latest`;
  await client.query(statement).catch((error: unknown) => {
    throw sqlState(error) === HISTORY_REFUSED ? historyError(detailOf(error)) : error;
  });
}

/** The error for links whose versions do not run from 0 to the latest; none comes twice, and none is negative. */
export async function historyWithHole(client: pg.ClientBase, { versions }: Tables): Promise<StagedRowsError> {
  const { rows } = await client.query<{ link: string }>(
    `SELECT link FROM ${versions} GROUP BY link HAVING max(version)::numeric + 1 <> count(*) LIMIT 1`,
  );
  return historyError(rows[0]?.link ?? '');
}

/** The dear expressions are asked of few links: where there is a segment that begins with a dot. */
export async function checkLinks(client: pg.ClientBase, { documents }: Tables): Promise<void> {
  const { rows } = await client.query<{ link: string }>(
    `SELECT link FROM ${documents} WHERE length(link) > 1024 OR link !~ $1 OR (link LIKE '%/.%' AND link ~ $2)
      OR link = '/core' OR link LIKE '/core/%' LIMIT 1`,
    [String.raw`^(/[A-Za-z0-9._~:@!$'()+,;=-]+)+$`, String.raw`/\.\.?(/|$)`],
  );
  if (rows[0]) throw new StagedRowsError('a link is not valid', { link: rows[0].link.slice(0, 200) });
}

function detailOf(error: unknown): string {
  return error instanceof Error && 'detail' in error ? String(error.detail) : '';
}

function historyError(link: string): StagedRowsError {
  return new StagedRowsError('the versions of a link are not a whole history', { link: link.slice(0, 200) });
}
