import { MAX_DOCUMENT_BYTES, TooLargeError } from '@tidemark/contracts';

import { DocumentDeletedError, DocumentExistsError, DocumentNotFoundError, VersionMismatchError } from '../errors.js';
import type { DocumentVersion, ParsedDocument } from '../json/document-json.js';
import { mergePatch } from '../json/merge-patch.js';
import { etagOf, ifMatchAllows } from '../read/etag.js';
import { versionOf } from '../read/version-rows.js';
import {
  CLOCK,
  inWriteTransaction,
  lockDocuments,
  raiseFloor,
  type LockedDocument,
  type WriteContext,
  type WriteTransaction,
} from './write-transaction.js';

/** One change of one document. `ifMatch` is the header's value, as sent. */
export type WriteRequest = { readonly link: string; readonly ifMatch?: string | undefined } & (
  { readonly method: 'POST' | 'PUT' | 'PATCH'; readonly document: ParsedDocument } | { readonly method: 'DELETE' }
);

export interface WriteResult {
  /** NOTHING: a DELETE of what is not there. */
  readonly effect: 'CREATED' | 'UPDATED' | 'NOTHING';
  readonly generation: number;
  readonly version: DocumentVersion | null;
}

type Content = Pick<DocumentVersion, 'kind' | 'expirationTimeMicros' | 'body'>;
type Draft = Omit<DocumentVersion, 'updateTimeMicros'>;

/** Writes one version in a transaction of its own. */
export async function writeDocument(context: WriteContext, request: WriteRequest): Promise<WriteResult> {
  return await inWriteTransaction(context, async (transaction) => {
    const { generation } = transaction;
    for (;;) {
      const locked = (await lockDocuments(transaction, [request.link])).get(request.link);
      const draft = await plan(transaction, request, locked);
      if (!draft) return { effect: 'NOTHING', generation, version: null };
      const stamp = locked ? await update(transaction, draft, locked) : await create(transaction, draft);
      if (!stamp) continue;
      if (stamp.ahead) await raiseFloor(transaction, context.indexId, stamp.stamp);
      const effect = locked && !locked.deleted ? 'UPDATED' : 'CREATED';
      return { effect, generation, version: { ...draft, updateTimeMicros: stamp.stamp } };
    }
  });
}

/** The version to write, or undefined where there is nothing to do. Throws what the state of the document forbids. */
async function plan(
  transaction: WriteTransaction,
  request: WriteRequest,
  locked: LockedDocument | undefined,
): Promise<Draft | undefined> {
  const { link, method } = request;
  const current = locked && !locked.deleted ? locked : undefined;
  checkPrecondition(transaction, request, current);
  if (method === 'POST' && current) throw new DocumentExistsError(link);
  if (method === 'PATCH' && !current) throw locked ? new DocumentDeletedError(link) : new DocumentNotFoundError(link);
  if (method === 'DELETE' && !current) return undefined;
  const content = await contentOf(transaction, request, current);
  return { ...content, link, version: locked ? locked.version + 1 : 0, updateAction: method };
}

function checkPrecondition(
  { generation }: WriteTransaction,
  { link, ifMatch }: WriteRequest,
  current: LockedDocument | undefined,
): void {
  const etag = current ? etagOf(generation, current.version) : null;
  if (!ifMatchAllows(ifMatch, etag)) throw new VersionMismatchError(link, etag);
}

async function contentOf(
  transaction: WriteTransaction,
  request: WriteRequest,
  current: LockedDocument | undefined,
): Promise<Content> {
  if (request.method === 'POST' || request.method === 'PUT') return newContent(request.document);
  const before = current && (await versionOf(transaction.client, transaction.tables, current));
  if (!before) throw new DocumentNotFoundError(request.link);
  return request.method === 'DELETE' ? before : patched(before, request.document);
}

function newContent({ kind, expirationTimeMicros, body }: ParsedDocument): Content {
  return { kind: kind ?? null, expirationTimeMicros: expirationTimeMicros ?? null, body };
}

function patched(before: Content, patch: ParsedDocument): Content {
  const body = mergePatch(before.body, patch.body);
  if (Buffer.byteLength(body) > MAX_DOCUMENT_BYTES) throw new TooLargeError('the merged document', MAX_DOCUMENT_BYTES);
  return {
    kind: patch.kind === undefined ? before.kind : patch.kind,
    expirationTimeMicros:
      patch.expirationTimeMicros === undefined ? before.expirationTimeMicros : patch.expirationTimeMicros,
    body,
  };
}

interface Stamp {
  readonly stamp: number;
  /** True when the stamp is ahead of the database's clock. */
  readonly ahead: boolean;
}

/** Undefined when another transaction made the document first: its row is there now and can be locked. */
async function create(transaction: WriteTransaction, draft: Draft): Promise<Stamp | undefined> {
  const { client, tables, floor } = transaction;
  const { rows } = await client.query<Stamp>(
    `WITH ${stampAfter(floor)},
      created AS (INSERT INTO ${tables.documents}
        SELECT $1, $2::bigint, stamp, false FROM stamp ON CONFLICT DO NOTHING RETURNING 1),
      version AS (INSERT INTO ${tables.versions} SELECT $1, $2::bigint, stamp, $3, $4, $5::bigint, $6::json FROM stamp, created)
    SELECT stamp, ahead FROM stamp, created`,
    values(draft),
  );
  return rows[0];
}

async function update(transaction: WriteTransaction, draft: Draft, locked: LockedDocument): Promise<Stamp | undefined> {
  const { client, tables, floor } = transaction;
  const { rows } = await client.query<Stamp>(
    `WITH ${stampAfter(Math.max(floor, locked.updateTimeMicros))},
      latest AS (UPDATE ${tables.documents} SET version = $2::bigint, update_time_micros = stamp, deleted = ($3 = 'DELETE')
        FROM stamp WHERE link = $1),
      version AS (INSERT INTO ${tables.versions} SELECT $1, $2::bigint, stamp, $3, $4, $5::bigint, $6::json FROM stamp)
    SELECT stamp, ahead FROM stamp`,
    values(draft),
  );
  return rows[0];
}

function values(draft: Draft): unknown[] {
  return [draft.link, draft.version, draft.updateAction, draft.kind, draft.expirationTimeMicros, draft.body];
}

/** A CTE `stamp(stamp, ahead)`: the clock's reading, or one beyond `before` where the clock has not passed it. */
function stampAfter(before: number): string {
  return `clock AS MATERIALIZED (SELECT ${CLOCK} AS now),
      stamp AS MATERIALIZED (SELECT greatest(now, ${before + 1}) AS stamp, now <= ${before} AS ahead FROM clock)`;
}
