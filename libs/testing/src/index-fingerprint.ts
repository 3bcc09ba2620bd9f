import { query } from './on-database.js';

/** An index as it is: equal for equal ones, to the last byte of every version. */
export interface IndexFingerprint {
  readonly liveGeneration: number;
  readonly previousGeneration: number | null;
  readonly versions: number;
  readonly hash: string;
}

/** One version as it is stored; its body is JSON text, to the last digit. */
export interface StoredVersion {
  readonly link: string;
  readonly version: number;
  readonly stamp: number;
  readonly action: string;
  readonly kind: string | null;
  readonly expiration: number | null;
  readonly body: string;
}

/** Every version of the live generation, in the order of links and versions. */
export async function versionsOf(system: { databaseUrl: string }): Promise<StoredVersion[]> {
  const { liveGeneration } = await pointerOf(system);
  return await query<StoredVersion>(
    system.databaseUrl,
    `SELECT link, version::float8, update_time_micros::float8 AS stamp, update_action AS action, kind,
        expiration_time_micros::float8 AS expiration, body::text
      FROM index_${liveGeneration}.document_version ORDER BY link, document_version.version`,
  );
}

/** Of the live generation in a system's database, behind every API. */
export async function fingerprintOf(system: { databaseUrl: string }): Promise<IndexFingerprint> {
  const pointer = await pointerOf(system);
  const [content] = await query<{ versions: string; hash: string }>(
    system.databaseUrl,
    `SELECT count(*) AS versions, md5(coalesce(string_agg(md5(row::text), '' ORDER BY link, version), '')) AS hash
      FROM index_${pointer.liveGeneration}.document_version AS row`,
  );
  return {
    ...pointer,
    versions: Number(content?.versions),
    hash: content?.hash ?? '',
  };
}

type Pointer = Pick<IndexFingerprint, 'liveGeneration' | 'previousGeneration'>;

async function pointerOf({ databaseUrl }: { databaseUrl: string }): Promise<Pointer> {
  const [pointer] = await query<{ live: string; previous: string | null }>(
    databaseUrl,
    'SELECT live_generation AS live, previous_generation AS previous FROM catalog.index',
  );
  if (!pointer) throw new Error('there is no index');
  const { live, previous } = pointer;
  return { liveGeneration: Number(live), previousGeneration: previous === null ? null : Number(previous) };
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
