import type pg from 'pg';

import { tablesOf } from '../layout/layout.js';

/**
 * Counts the versions of the previous generation that the live one does not have. Exact at any time after the switch:
 * nothing writes into the previous one any more, and what is written into the live one has later stamps. A document
 * with the same latest version and stamp in both has the same history in both; only the others are gone through.
 */
export async function countLeftBehind(
  client: pg.ClientBase,
  { previous, live }: { previous: number; live: number },
): Promise<number> {
  const [before, now] = [tablesOf(previous), tablesOf(live)];
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*) FROM ${before.versions} old
      JOIN ${before.documents} moved ON moved.link = old.link AND NOT EXISTS (
        SELECT 1 FROM ${now.documents} same WHERE same.link = moved.link AND same.version = moved.version
          AND same.update_time_micros = moved.update_time_micros)
      WHERE NOT EXISTS (
        SELECT 1 FROM ${now.versions} new WHERE new.link = old.link AND new.version = old.version
          AND new.update_time_micros = old.update_time_micros)`,
  );
  return rows[0]?.count ?? 0;
}
