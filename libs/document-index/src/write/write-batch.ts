import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';

import { from as copyFrom } from 'pg-copy-streams';

import { COLUMN_NAMES } from '../layout/layout.js';
import { copyLines, type CopiedVersion } from './copy-lines.js';
import {
  CLOCK,
  inWriteTransaction,
  lockDocuments,
  raiseFloor,
  type LockedDocument,
  type WriteContext,
  type WriteTransaction,
} from './write-transaction.js';

/** One line of a bulk write: the end of its COPY line, or null where it deletes. A batch never holds a link twice. */
export interface BatchLine {
  readonly link: string;
  readonly tail: Buffer | null;
}

export interface BatchResult {
  /** Versions written; a DELETE of what is not there writes none. */
  readonly versions: number;
  /** The one stamp of all of them; null when nothing was written. */
  readonly stamp: number | null;
}

/** A version to write; without a tail it is a tombstone, which keeps the content of the version before. */
interface Draft extends BatchLine {
  readonly version: number;
}

/** Writes a batch as one transaction under one stamp: no boundary tears it. */
export async function writeBatch(context: WriteContext, lines: readonly BatchLine[]): Promise<BatchResult> {
  return await inWriteTransaction(context, async (transaction) => {
    const candidate = await readClock(transaction);
    const created = await createMissing(transaction, lines, candidate.stamp);
    const others = lines.filter(({ link }) => !created.has(link)).map(({ link }) => link);
    const locked = others.length === 0 ? new Map<string, LockedDocument>() : await lockDocuments(transaction, others);
    const drafts = lines.flatMap((line) => draftOf(line, created, locked));
    if (drafts.length === 0) return { versions: 0, stamp: null };

    const stamp = stampOver(candidate.stamp, locked);
    if (stamp !== candidate.stamp) await restamp(transaction, created, stamp);
    await append(transaction, drafts, stamp);
    await updateLatest(
      transaction,
      drafts.filter(({ link }) => locked.has(link)),
      stamp,
    );
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

function stampOver(candidate: number, locked: ReadonlyMap<string, LockedDocument>): number {
  let stamp = candidate;
  for (const { updateTimeMicros } of locked.values()) stamp = Math.max(stamp, updateTimeMicros + 1);
  return stamp;
}

/** Inserts a row for each link that is written and has none, in link order, so that two batches cannot deadlock. */
async function createMissing(
  { client, tables }: WriteTransaction,
  lines: readonly BatchLine[],
  stamp: number,
): Promise<Set<string>> {
  const links = lines.filter(({ tail }) => tail !== null).map(({ link }) => link);
  if (links.length === 0) return new Set();
  const { rows } = await client.query<{ link: string }>(
    `INSERT INTO ${tables.documents} SELECT link, 0, $2::bigint, false FROM unnest($1::text[]) AS link
      ORDER BY link COLLATE "C" ON CONFLICT DO NOTHING RETURNING link`,
    [links, stamp],
  );
  return new Set(rows.map(({ link }) => link));
}

function draftOf(line: BatchLine, created: ReadonlySet<string>, locked: ReadonlyMap<string, LockedDocument>): Draft[] {
  if (created.has(line.link)) return [{ ...line, version: 0 }];
  const before = locked.get(line.link);
  if (!before || (line.tail === null && before.deleted)) return [];
  return [{ ...line, version: before.version + 1 }];
}

async function restamp({ client, tables }: WriteTransaction, links: ReadonlySet<string>, stamp: number): Promise<void> {
  await client.query(`UPDATE ${tables.documents} SET update_time_micros = $2 WHERE link = ANY ($1)`, [
    [...links],
    stamp,
  ]);
}

async function append(transaction: WriteTransaction, drafts: readonly Draft[], stamp: number): Promise<void> {
  const { client, tables } = transaction;
  const written = drafts.filter((draft): draft is Draft & CopiedVersion => draft.tail !== null);
  if (written.length > 0) {
    const copy = client.query(copyFrom(`COPY ${tables.versions} (${COLUMN_NAMES}) FROM STDIN`));
    await pipeline(Readable.from(copyLines(written, stamp), { objectMode: false }), copy);
  }
  const deleted = drafts.filter(({ tail }) => tail === null);
  if (deleted.length > 0) await appendTombstones(transaction, deleted, stamp);
}

async function appendTombstones(
  { client, tables }: WriteTransaction,
  drafts: readonly Draft[],
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

async function updateLatest(
  { client, tables }: WriteTransaction,
  drafts: readonly Draft[],
  stamp: number,
): Promise<void> {
  if (drafts.length === 0) return;
  await client.query(
    `UPDATE ${tables.documents} latest SET version = draft.version, update_time_micros = $4, deleted = draft.deleted
      FROM unnest($1::text[], $2::bigint[], $3::boolean[]) AS draft (link, version, deleted)
      WHERE latest.link = draft.link`,
    [
      drafts.map(({ link }) => link),
      drafts.map(({ version }) => version),
      drafts.map(({ tail }) => tail === null),
      stamp,
    ],
  );
}
