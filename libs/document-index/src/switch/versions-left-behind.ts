import type pg from 'pg';

import { tablesOf } from '../layout/layout.js';

/**
 * Counts the versions of the previous generation that the live one does not have. Exact at any time after the switch:
 * nothing writes into the previous one any more, and what is written into the live one has later stamps.
 */
export async function countLeftBehind(
  client: pg.ClientBase,
  { previous, live }: { previous: number; live: number },
): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*) FROM ${tablesOf(previous).versions} old WHERE NOT EXISTS (
      SELECT 1 FROM ${tablesOf(live).versions} new WHERE new.link = old.link AND new.version = old.version
        AND new.update_time_micros = old.update_time_micros)`,
  );
  return rows[0]?.count ?? 0;
}
