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
  const boundary = asOfMicros === undefined ? '' : 'AND update_time_micros <= $2';
  const { rows } = await client.query<DocumentVersion & pg.QueryResultRow>(
    `SELECT ${VERSION_ROW} FROM ${tables.versions} WHERE link = $1 ${boundary} ORDER BY version DESC LIMIT 1`,
    asOfMicros === undefined ? [link] : [link, asOfMicros],
  );
  return rows[0];
}
