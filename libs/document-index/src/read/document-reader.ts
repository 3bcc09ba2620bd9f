import type pg from 'pg';

import { readPointer, type IndexPointer } from '../catalog/catalog.js';
import { DocumentDeletedError, DocumentNotFoundError, PageGoneError } from '../errors.js';
import { documentText, type DocumentVersion } from '../json/document-json.js';
import { tablesOf, type Tables } from '../layout/layout.js';
import { isGenerationGone, withClient } from '../postgres/transaction.js';
import { hasChildren, listVersions, type ListedVersion, type ListQuery } from './list-links.js';
import { decodePage, encodePage } from './page-token.js';
import { latestVersion, VERSION_ROW, versionOf } from './version-rows.js';

/** Which state of a document: its latest, its latest as of a time, or the version with a number. */
export interface StateQuery {
  readonly link: string;
  readonly asOfMicros?: number | undefined;
  readonly version?: number | undefined;
}

export interface ReadDocument {
  readonly generation: number;
  readonly version: DocumentVersion;
}

/** A page of documents in byte order of their links; `texts` only where they were asked for. */
export interface DocumentPage {
  readonly links: readonly string[];
  /** JSON text of each document, in the order of `links`. */
  readonly texts: readonly string[] | null;
  /** Token of the next page, null on the last. */
  readonly next: string | null;
}

export type PageQuery = Omit<ListQuery, 'after'> & { readonly page?: string | undefined; readonly expand: boolean };

/** Bodies of an expanded page end at about this size: a page may hold fewer documents than its limit. */
const PAGE_BYTES = 4 * 1024 * 1024;
const FIRST_FETCH = 8;

/** Reads one index. Each call reads the pointer once and stays in that generation. */
export class DocumentReader {
  constructor(private readonly context: { readonly pool: pg.Pool; readonly indexId: number }) {}

  /** The state asked for, a tombstone too. Throws DOCUMENT_NOT_FOUND where the link never had it. */
  async state(query: StateQuery): Promise<ReadDocument> {
    return await this.#inLive(async (client, tables, generation) => {
      const version = await stateIn(client, tables, query);
      if (!version) throw new DocumentNotFoundError(query.link);
      return { generation, version };
    });
  }

  /** As {@link state}; a deleted document throws DOCUMENT_DELETED unless its version was asked for by number. */
  async document(query: StateQuery): Promise<ReadDocument> {
    return living(await this.state(query), query);
  }

  /** A document, or where there is none but it has children, `'children'`. */
  async documentOrChildren(query: StateQuery): Promise<ReadDocument | 'children'> {
    return await this.#inLive(async (client, tables, generation) => {
      const version = await stateIn(client, tables, query);
      if (version && (version.updateAction !== 'DELETE' || query.version !== undefined)) return { generation, version };
      if (query.version === undefined && (await hasChildren(client, tables, query))) return 'children';
      throw version ? new DocumentDeletedError(query.link) : new DocumentNotFoundError(query.link);
    });
  }

  async page(query: PageQuery): Promise<DocumentPage> {
    if (query.page === undefined) {
      return await this.#inLive((client, tables, generation) => pageIn(client, { tables, generation }, query));
    }
    const { generation, after } = decodePage(query.page);
    return await withClient(this.context.pool, async (client) => {
      const { live, previous } = await readPointer(client, this.context.indexId);
      if (generation !== live && generation !== previous) throw new PageGoneError();
      const place = { tables: tablesOf(generation), generation, after };
      return await pageIn(client, place, query).catch((error: unknown) => {
        throw isGenerationGone(error) ? new PageGoneError() : error;
      });
    });
  }

  async pointer(): Promise<IndexPointer> {
    return await withClient(this.context.pool, (client) => readPointer(client, this.context.indexId));
  }

  /** Runs a read in the live generation; once more if that one was dropped in between. */
  async #inLive<T>(read: (client: pg.PoolClient, tables: Tables, generation: number) => Promise<T>): Promise<T> {
    return await withClient(this.context.pool, async (client) => {
      const run = async (): Promise<T> => {
        const { live } = await readPointer(client, this.context.indexId);
        return await read(client, tablesOf(live), live);
      };
      return await run().catch((error: unknown) => {
        if (isGenerationGone(error)) return run();
        throw error;
      });
    });
  }
}

async function stateIn(client: pg.PoolClient, tables: Tables, query: StateQuery): Promise<DocumentVersion | undefined> {
  const { link, version } = query;
  return version === undefined
    ? await latestVersion(client, tables, query)
    : await versionOf(client, tables, { link, version });
}

function living(read: ReadDocument, query: StateQuery): ReadDocument {
  if (read.version.updateAction === 'DELETE' && query.version === undefined) throw new DocumentDeletedError(query.link);
  return read;
}

async function pageIn(
  client: pg.PoolClient,
  { tables, generation, after = '' }: { tables: Tables; generation: number; after?: string },
  query: PageQuery,
): Promise<DocumentPage> {
  const found = await listVersions(client, tables, { ...query, after, limit: query.limit + 1 });
  const listed = found.slice(0, query.limit);
  const texts = query.expand ? await textsOf(client, tables, listed) : null;
  const links = listed.slice(0, texts?.length ?? listed.length).map(({ link }) => link);
  const last = links.at(-1);
  const next = last !== undefined && links.length < found.length ? encodePage({ generation, after: last }) : null;
  return { links, texts, next };
}

/** Texts of the first of these versions, as many as {@link PAGE_BYTES} takes, at least one; fetched in growing lots. */
async function textsOf(client: pg.PoolClient, tables: Tables, listed: readonly ListedVersion[]): Promise<string[]> {
  const texts: string[] = [];
  let bytes = 0;
  let lot = FIRST_FETCH;
  while (texts.length < listed.length && bytes < PAGE_BYTES) {
    for (const text of await textsOfLot(client, tables, listed.slice(texts.length, texts.length + lot))) {
      if (bytes >= PAGE_BYTES) break;
      texts.push(text);
      bytes += text.length;
    }
    const perDocument = Math.max(1, bytes / texts.length);
    lot = Math.max(1, Math.min(1000, 2 * lot, Math.ceil((PAGE_BYTES - bytes) / perDocument)));
  }
  return texts;
}

async function textsOfLot(client: pg.PoolClient, tables: Tables, lot: readonly ListedVersion[]): Promise<string[]> {
  const { rows } = await client.query<DocumentVersion & pg.QueryResultRow>(
    `SELECT ${VERSION_ROW} FROM ${tables.versions}
      WHERE (link, version) IN (SELECT * FROM unnest($1::text[], $2::bigint[])) ORDER BY link`,
    [lot.map(({ link }) => link), lot.map(({ version }) => version)],
  );
  return rows.map(documentText);
}
