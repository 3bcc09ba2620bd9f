import type pg from 'pg';

import { PARENT, type Tables } from '../layout/layout.js';
import { versionBefore } from './version-rows.js';

/** Which documents a listing is about: the direct children of a link, or every link with a prefix. */
export type Selection = { readonly childrenOf: string } | { readonly prefix: string };

export interface ListQuery {
  readonly selection: Selection;
  /** Only links behind this one. */
  readonly after: string;
  readonly limit: number;
  readonly asOfMicros?: number | undefined;
  readonly includeDeleted?: boolean;
}

/** A document of a listing: its link and the version that the listing shows. */
export interface ListedVersion {
  readonly link: string;
  readonly version: number;
}

interface Queryable {
  query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<R>>;
}

/** Documents in byte order of their links, at most `limit`. */
export async function listVersions(client: Queryable, tables: Tables, query: ListQuery): Promise<ListedVersion[]> {
  const [condition, value] = conditionOf(query.selection);
  const values: unknown[] = [value, query.after, query.limit];
  const asOf = query.asOfMicros !== undefined;
  if (asOf) values.push(query.asOfMicros);
  const text = asOf ? asOfQuery(tables, condition, query) : latestQuery(tables, condition, query);
  const { rows } = await client.query<ListedVersion & pg.QueryResultRow>(text, values);
  return rows;
}

function latestQuery({ documents }: Tables, condition: string, { includeDeleted }: ListQuery): string {
  return `SELECT link, version FROM ${documents}
    WHERE ${condition} AND link > $2 ${includeDeleted ? '' : 'AND NOT deleted'} ORDER BY link LIMIT $3`;
}

/** Most documents have not changed since: only of the others, the history is looked at. */
function asOfQuery(tables: Tables, condition: string, { includeDeleted }: ListQuery): string {
  return `SELECT link, asof.version FROM ${tables.documents}
    CROSS JOIN LATERAL (
      SELECT document.version, document.deleted WHERE document.update_time_micros <= $4
      UNION ALL
      SELECT version, update_action = 'DELETE' FROM ${tables.versions} history
        WHERE document.update_time_micros > $4
          AND history.link = document.link AND history.version = ${versionBefore(tables, '$4')}) asof
    WHERE ${condition} AND link > $2 ${includeDeleted ? '' : 'AND NOT asof.deleted'} ORDER BY link LIMIT $3`;
}

/** The condition on `link` with `$1` in it. Prefixes are ranges of bytes, so both run along an index. */
function conditionOf(selection: Selection): [condition: string, value: string] {
  if ('childrenOf' in selection) return [`${PARENT} = $1`, selection.childrenOf];
  return [`starts_with(link, $1) AND link >= $1 AND link < $1 || chr(127)`, selection.prefix];
}

/** Whether a link has a direct child that is there. */
export async function hasChildren(
  client: Queryable,
  tables: Tables,
  { link, asOfMicros }: { link: string; asOfMicros?: number | undefined },
): Promise<boolean> {
  const query = { selection: { childrenOf: link }, after: '', limit: 1, asOfMicros };
  return (await listVersions(client, tables, query)).length > 0;
}
