import type pg from 'pg';

import type { Tables } from '../layout/layout.js';
import type { DocumentVersion } from '../json/document-json.js';

/** Select list of a {@link DocumentVersion}; the body as text, or the driver would parse it and lose digits. */
export const VERSION_ROW = `link, version, update_time_micros AS "updateTimeMicros", update_action AS "updateAction",
  kind, expiration_time_micros AS "expirationTimeMicros", body::text AS body`;

interface Queryable {
  query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<R>>;
}

/** One version by its number. */
export async function versionOf(
  client: Queryable,
  tables: Tables,
  { link, version }: { link: string; version: number },
): Promise<DocumentVersion | undefined> {
  const { rows } = await client.query<DocumentVersion & pg.QueryResultRow>(
    `SELECT ${VERSION_ROW} FROM ${tables.versions} WHERE link = $1 AND version = $2`,
    [link, version],
  );
  return rows[0];
}

/** The latest version of a link, or its latest as of a time. */
export async function latestVersion(
  client: Queryable,
  tables: Tables,
  { link, asOfMicros }: { link: string; asOfMicros?: number | undefined },
): Promise<DocumentVersion | undefined> {
  const { versions, documents } = tables;
  const asOf = `AND version = (SELECT CASE WHEN update_time_micros <= $2 THEN version ELSE ${versionBefore(tables, '$2')} END
    FROM ${documents} document WHERE link = $1)`;
  const { rows } = await client.query<DocumentVersion & pg.QueryResultRow>(
    `SELECT ${VERSION_ROW} FROM ${versions} WHERE link = $1 ${asOfMicros === undefined ? '' : asOf}
      ORDER BY version DESC LIMIT 1`,
    asOfMicros === undefined ? [link] : [link, asOfMicros],
  );
  return rows[0];
}

/**
 * SQL of the last version as of a time of the row `document`, whose own is later; -1 where there was none. Found by
 * halving, as stamps rise with versions: walked backwards, a long history costs a look at each later version.
 */
export function versionBefore({ versions }: Tables, micros: string): string {
  return `(WITH RECURSIVE bounds (early, late) AS (
      SELECT (-1)::bigint, document.version
      UNION ALL
      SELECT CASE WHEN is_early THEN middle ELSE early END, CASE WHEN is_early THEN late ELSE middle END
      FROM (
        SELECT early, late, middle, (SELECT update_time_micros <= ${micros} FROM ${versions} probe
          WHERE probe.link = document.link AND probe.version = middle) AS is_early
        FROM (SELECT early, late, (early + late) / 2 AS middle FROM bounds WHERE late - early > 1) halved OFFSET 0
      ) probed)
    SELECT early FROM bounds WHERE late - early = 1)`;
}
