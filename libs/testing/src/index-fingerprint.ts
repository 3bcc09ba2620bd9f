import { query } from './on-database.js';

/** An index as it is: equal for equal ones, to the last byte of every version. */
export interface IndexFingerprint {
  readonly liveGeneration: number;
  readonly previousGeneration: number | null;
  readonly versions: number;
  readonly hash: string;
}

/** Of the live generation in a system's database, behind every API. */
export async function fingerprintOf({ databaseUrl }: { databaseUrl: string }): Promise<IndexFingerprint> {
  const [pointer] = await query<{ live: string; previous: string | null }>(
    databaseUrl,
    'SELECT live_generation AS live, previous_generation AS previous FROM catalog.index',
  );
  if (!pointer) throw new Error('there is no index');
  const [content] = await query<{ versions: string; hash: string }>(
    databaseUrl,
    `SELECT count(*) AS versions, md5(coalesce(string_agg(row::text, E'\n' ORDER BY link, version), '')) AS hash
      FROM index_${pointer.live}.document_version AS row`,
  );
  return {
    liveGeneration: Number(pointer.live),
    previousGeneration: pointer.previous === null ? null : Number(pointer.previous),
    versions: Number(content?.versions),
    hash: content?.hash ?? '',
  };
}

/** Generations that are neither live nor previous: staged, built, or about to be dropped. */
export async function unusedGenerations({ databaseUrl }: { databaseUrl: string }): Promise<string[]> {
  const rows = await query<{ name: string }>(
    databaseUrl,
    `SELECT nspname || coalesce(' ' || phase, '') AS name FROM pg_namespace
      LEFT JOIN catalog.generation ON nspname = 'index_' || id
      WHERE nspname LIKE 'index\\_%' AND NOT EXISTS (SELECT FROM catalog.index
        WHERE nspname IN ('index_' || live_generation, 'index_' || previous_generation)) ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
