import { pipeline } from 'node:stream/promises';

import { COLUMN_NAMES } from '../layout/layout.js';
import { CopyIn } from '../postgres/copy-in.js';
import type { Batch } from './batch.js';
import { copyLines, type CopiedVersion } from './copy-lines.js';
import {
  CLOCK,
  inWriteTransaction,
  raiseFloor,
  type WriteContext,
  type WriteTransaction,
} from './write-transaction.js';

export interface BatchResult {
  /** Versions written; a DELETE of what is not there writes none. */
  readonly versions: number;
  /** The one stamp of all of them; null when nothing was written. */
  readonly stamp: number | null;
}

/** Writes a batch as one transaction under one stamp: no boundary tears it. */
export async function writeBatch(context: WriteContext, batch: Batch): Promise<BatchResult> {
  return await inWriteTransaction(context, async (transaction) => {
    const candidate = await readClock(transaction);
    const taken = await takeDocuments(transaction, batch, candidate.stamp);
    if (taken.drafts.length === 0) return { versions: 0, stamp: null };

    const { drafts, stamp } = taken;
    if (stamp > candidate.stamp) await restamp(transaction, drafts, stamp);
    await append(transaction, batch, taken);
    if (stamp > candidate.clock) await raiseFloor(transaction, context.indexId, stamp);
    return { versions: drafts.length, stamp };
  });
}

/** The stamp that the batch gets unless a document it touches is ahead of it. */
async function readClock({ client, floor }: WriteTransaction): Promise<{ clock: number; stamp: number }> {
  const { rows } = await client.query<{ clock: number }>(`SELECT ${CLOCK} AS clock`);
  const clock = rows[0]?.clock ?? 0;
  return { clock, stamp: Math.max(clock, floor + 1) };
}

/** Versions to write, and the stamp that is over all their documents had. */
interface Taken {
  readonly drafts: readonly CopiedVersion[];
  readonly stamp: number;
}

/**
 * Inserts or locks the document of each line and moves it on to its next version. One pass in link order, whatever is
 * there already, so that two batches cannot deadlock. A DELETE of what is not there, or deleted, has no draft.
 */
async function takeDocuments(transaction: WriteTransaction, batch: Batch, stamp: number): Promise<Taken> {
  const { client, tables } = transaction;
  const deletes = await existing(transaction, batch.deletes);
  const { rows } = await client.query<{ stamp: number; links: string; versions: string }>(
    `WITH line AS (
        SELECT link, false AS deleted FROM unnest(string_to_array($1, ' ')) AS link
        UNION ALL SELECT link, true FROM unnest(string_to_array($2, ' ')) AS link
      ), taken AS (
        INSERT INTO ${tables.documents} AS latest (link, version, update_time_micros, deleted)
          SELECT link, 0, $3::bigint, deleted FROM line ORDER BY link COLLATE "C"
          ON CONFLICT (link) DO UPDATE SET version = latest.version + 1, deleted = excluded.deleted,
            update_time_micros = greatest(excluded.update_time_micros, latest.update_time_micros + 1)
            WHERE NOT (latest.deleted AND excluded.deleted)
          RETURNING link, version, update_time_micros
      )
      SELECT max(update_time_micros) AS stamp, string_agg(link, ' ') AS links, string_agg(version::text, ' ') AS versions
        FROM taken HAVING count(*) > 0`,
    [batch.puts.join(' '), deletes.join(' '), stamp],
  );
  const [taken] = rows;
  if (!taken) return { drafts: [], stamp };
  const versions = taken.versions.split(' ');
  return {
    drafts: taken.links.split(' ').map((link, n) => ({ link, version: versions[n] ?? '' })),
    stamp: taken.stamp,
  };
}

/** Those of the links that have a document's row, deleted or not; once there, it stays. */
async function existing({ client, tables }: WriteTransaction, links: readonly string[]): Promise<readonly string[]> {
  if (links.length === 0) return links;
  const { rows } = await client.query<{ link: string }>(`SELECT link FROM ${tables.documents} WHERE link = ANY ($1)`, [
    links,
  ]);
  return rows.map(({ link }) => link);
}

async function restamp(
  { client, tables }: WriteTransaction,
  drafts: readonly CopiedVersion[],
  stamp: number,
): Promise<void> {
  await client.query(`UPDATE ${tables.documents} SET update_time_micros = $2 WHERE link = ANY ($1)`, [
    drafts.map(({ link }) => link),
    stamp,
  ]);
}

async function append(transaction: WriteTransaction, batch: Batch, { drafts, stamp }: Taken): Promise<void> {
  const { client, tables } = transaction;
  const deleted = drafts.filter(({ link }) => batch.isDelete(link));
  const written = deleted.length === 0 ? drafts : drafts.filter(({ link }) => !batch.isDelete(link));
  if (written.length > 0) {
    const copy = client.query(new CopyIn(`COPY ${tables.versions} (${COLUMN_NAMES}) FROM STDIN`));
    await pipeline(copyLines(batch, written, stamp), copy);
  }
  if (deleted.length > 0) await appendTombstones(transaction, deleted, stamp);
}

async function appendTombstones(
  { client, tables }: WriteTransaction,
  drafts: readonly CopiedVersion[],
  stamp: number,
): Promise<void> {
  await client.query(
    `INSERT INTO ${tables.versions} (${COLUMN_NAMES})
      SELECT before.link, before.version + 1, $3::bigint, 'DELETE', before.kind, before.expiration_time_micros, before.body
        FROM unnest($1::text[], $2::bigint[]) AS draft (link, version)
        JOIN ${tables.versions} before ON before.link = draft.link AND before.version = draft.version - 1`,
    [drafts.map(({ link }) => link), drafts.map(({ version }) => version), stamp],
  );
}
