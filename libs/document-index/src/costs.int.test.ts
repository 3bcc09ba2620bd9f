/** What an operation costs does not grow with the index: told by statements and by pages looked at, never by seconds. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { temporaryPostgres, type LocalPostgres } from '@tidemark/local-services';
import { silentLogger as log } from '@tidemark/platform';
import {
  copySnapshot,
  linesOf,
  MeasuredDatabase,
  restore,
  rowsOf,
  type CopiedSnapshot,
  type Cost,
  type Statement,
} from '@tidemark/testing';

import { openDocumentIndex, parseDocument, type DocumentIndex } from './index.js';
import { openConnections } from './postgres/connections.js';
import { DocumentReader } from './read/document-reader.js';
import { readIndexFigures } from './read/index-figures.js';
import { encodePage } from './read/page-token.js';
import { bulkWrite } from './write/bulk-write.js';
import { writeDocument, type WriteRequest } from './write/write-document.js';
import type { WriteContext } from './write/write-transaction.js';

interface Index {
  readonly reader: DocumentReader;
  readonly readers: WriteContext;
  readonly writers: WriteContext;
  readonly write: (request: WriteRequest) => Promise<unknown>;
}

type Operation = (index: Index, versions: number) => Promise<unknown>;

const writeMillis = 60_000;
const SMALL = 2000;
const LARGE = 16 * SMALL;

const nth = (n: number): string => `/list/${String(n).padStart(6, '0')}`;
const document = parseDocument(Buffer.from('{"n":1}'));
const EARLY = 2_000_100;
const ROOT = { selection: { childrenOf: '' } };
const listed = { selection: { childrenOf: '/list' }, limit: 100, expand: false };
const prefixed = { ...listed, selection: { prefix: '/list/' } };
const expanded = { ...listed, expand: true };
const early = { ...listed, asOfMicros: EARLY };
/** The last page but for what other operations add. */
const lastPage = (versions: number): string => encodePage({ generation: 1, after: nth(versions / 2 - 101) });

/** Half of the versions are documents of one each under `/list`, half are the history of `/long`, each a µs behind the one before. */
const fill = (versions: number): string => `
  INSERT INTO index_1.document_version
    SELECT '/list/' || lpad(n::text, 6, '0'), 0, 1000000 + n, 'PUT', null, null, '{"text":"${'listed '.repeat(20)}"}'
    FROM generate_series(0, ${versions / 2 - 1}) AS n;
  INSERT INTO index_1.document_version
    SELECT '/long', n, 2000000 + n, 'PUT', null, null, '{"text":"${'long '.repeat(30)}"}'
    FROM generate_series(0, ${versions / 2 - 1}) AS n;
  INSERT INTO index_1.document
    SELECT link, max(version), max(update_time_micros), false FROM index_1.document_version GROUP BY link ORDER BY link;
  VACUUM ANALYZE index_1.document_version;
  VACUUM ANALYZE index_1.document`;

let server: LocalPostgres;
const databases = new Map<number, MeasuredDatabase>();
beforeAll(async () => {
  server = await temporaryPostgres({ log, settings: { autovacuum: 'off' } });
  for (const versions of [SMALL, LARGE]) {
    const database = await MeasuredDatabase.open(server.url);
    databases.set(versions, database);
    await (await openDocumentIndex({ databaseUrl: database.url, parallelism: 1, log })).close();
    await database.run(...fill(versions).split(';\n'));
  }
});
afterAll(async () => {
  for (const database of databases.values()) await database.close();
  await server.stop();
});

/** On new connections. */
async function costAt(versions: number, operation: Operation): Promise<Cost> {
  const database = databases.get(versions)!;
  return await database.costOf(async () => {
    const connections = openConnections({ url: database.url, parallelism: 1, log, writeMillis });
    const [readers, writers] = [connections.readers, connections.writers].map((pool) => ({
      pool,
      indexId: 1,
      writeMillis,
    }));
    const reader = new DocumentReader(readers!);
    const write = (request: WriteRequest): Promise<unknown> => writeDocument(writers!, request);
    await operation({ reader, readers: readers!, writers: writers!, write }, versions);
    await connections.close();
  });
}

/** What statements look at to be planned, and to find the moment of a snapshot. */
const LOOKS = 100;
/** Pages of two more levels of B-trees. */
const LEVELS = 8;

describe('in an index of 16 times as many versions', () => {
  const rows: readonly [name: string, statements: number, more: number, operation: Operation][] = [
    ['a document', 2, LEVELS, ({ reader }, n) => reader.documentOrChildren({ link: nth(n / 4) })],
    ['a document of many versions', 2, LEVELS, ({ reader }) => reader.documentOrChildren({ link: '/long' })],
    ['a version of many', 2, LEVELS, ({ reader }, n) => reader.document({ link: '/long', version: n / 4 })],
    // Four more halvings.
    ['a document as of a time', 2, 2 * LEVELS, ({ reader }) => reader.document({ link: '/long', asOfMicros: EARLY })],
    ['no document', 3, LEVELS, ({ reader }) => reader.documentOrChildren({ link: '/none' }).catch(() => 0)],
    ['a folder', 3, LEVELS, ({ reader }) => reader.documentOrChildren({ link: '/list' })],
    ['the first page', 2, LEVELS, ({ reader }) => reader.page(listed)],
    ['the last page', 2, LEVELS, ({ reader }, n) => reader.page({ ...listed, page: lastPage(n) })],
    ['the first page of a prefix', 2, LEVELS, ({ reader }) => reader.page(prefixed)],
    ['the last page of a prefix', 2, LEVELS, ({ reader }, n) => reader.page({ ...prefixed, page: lastPage(n) })],
    // A level for each of its documents.
    ['the last page with bodies', 6, 150, ({ reader }, n) => reader.page({ ...expanded, page: lastPage(n) })],
    ['the last page as of a time', 2, LEVELS, ({ reader }, n) => reader.page({ ...early, page: lastPage(n) })],
    ['a listing of many versions as of a time', 2, 2 * LEVELS, ({ reader }) => reader.page({ ...early, ...ROOT })],
    ['a new document', 5, LEVELS, ({ write }) => write({ method: 'PUT', link: `/list/${randomUUID()}`, document })],
    ['a new version', 5, LEVELS, ({ write }) => write({ method: 'PUT', link: '/long', document })],
    ['a patch', 6, LEVELS, ({ write }) => write({ method: 'PATCH', link: '/long', document })],
    ['a deletion', 6, LEVELS, ({ write }, n) => write({ method: 'DELETE', link: nth(n / 4 + 1) })],
    ['a hundred lines', 6, 150, ({ writers }) => bulkWrite(writers, lines(100))],
    ['the figures', 2, LEVELS, ({ readers }) => readIndexFigures(readers)],
  ];

  test.each(rows)('%s: as few statements, and hardly more pages', async (_name, statements, more, operation) => {
    const [small, large] = [await costAt(SMALL, operation), await costAt(LARGE, operation)];
    expect([small, large].map((cost) => said(cost).length)).toEqual([statements, statements]);
    expect(large.buffers).toBeLessThanOrEqual(small.buffers + more);
  });
});

describe('with 16 times as many versions', () => {
  const copies = new Map<number, CopiedSnapshot>();

  test('a copy: three statements a part, and as many pages a version', async () => {
    const [small, large] = await wholeCosts(async (index, versions) => {
      copies.set(versions, await copySnapshot(index));
    });
    const [few, many] = [copies.get(SMALL)!, copies.get(LARGE)!].map(({ parts }) => parts.length);
    expect(many).toBeGreaterThan(10 * few!);
    expect(said(large, 'part').length - said(small, 'part').length).toBe(3 * (many! - few!));
    expect(said(large, 'session').length).toBe(said(small, 'session').length);
    // The documents are counted, in two passes.
    for (const [versions, { buffers }] of [
      [SMALL, small],
      [LARGE, large],
    ] as const) {
      const pages = (await pagesOf(versions, 'document_version')) + 2 * (await pagesOf(versions, 'document'));
      expect(buffers).toBeGreaterThanOrEqual(pages);
      expect(buffers).toBeLessThan(1.2 * pages + LOOKS);
    }
  });

  test('a restore: six statements a part, each version loaded once, as many pages and bytes of WAL a version', async () => {
    const [small, large] = await wholeCosts(async (index, versions) => {
      const { outcome } = await restore(index, copies.get(versions)!);
      expect(outcome).toBe('SWITCHED');
    });
    const [few, many] = [copies.get(SMALL)!, copies.get(LARGE)!].map(({ parts }) => parts.length);
    expect(said(large, 'part').length - said(small, 'part').length).toBe(6 * (many! - few!));
    expect(said(large, 'session').length).toBe(said(small, 'session').length);
    expectLinear(small.walBytes, large.walBytes);
    expect(large.walBytes).toBeLessThan(2 * bytesOf(copies.get(LARGE)!));
    expectLinear(small.buffers, large.buffers);
    for (const versions of [SMALL, LARGE]) {
      expect(await insertedInto('index_2.document_version', versions)).toBe(rowsOf(copies.get(versions)!).length);
    }
  });
});

/** In a small and in a large index, over what it costs to open the index and to close it. */
async function wholeCosts(work: (index: DocumentIndex, versions: number) => Promise<unknown>): Promise<[Cost, Cost]> {
  const costOf = async (versions: number): Promise<Cost> => {
    const database = databases.get(versions)!;
    const run = async (use: typeof work): Promise<Cost> =>
      await database.costOf(async () => {
        const index = await openDocumentIndex({ databaseUrl: database.url, parallelism: 1, log });
        await use(index, versions).finally(() => index.close());
      });
    const nothing = await run(() => Promise.resolve());
    const { statements, buffers, walBytes } = await run(work);
    return { statements, buffers: buffers - nothing.buffers, walBytes: walBytes - nothing.walBytes };
  };
  return [await costOf(SMALL), await costOf(LARGE)];
}

async function pagesOf(versions: number, table: string): Promise<number> {
  const [row] = await databases
    .get(versions)!
    .run<{ pages: number }>(`SELECT relpages AS pages FROM pg_class WHERE oid = 'index_1.${table}'::regclass`);
  return row!.pages;
}

function bytesOf({ parts }: CopiedSnapshot): number {
  return parts.reduce((bytes, part) => bytes + part.length, 0);
}

async function insertedInto(table: string, versions: number): Promise<number> {
  const [row] = await databases
    .get(versions)!
    .run<{ rows: number }>(`SELECT n_tup_ins::int AS rows FROM pg_stat_user_tables WHERE relid = '${table}'::regclass`);
  return row!.rows;
}

/** Not below either: what does not grow with the index was not measured. */
function expectLinear(small: number, large: number): void {
  const each = large / small / (LARGE / SMALL);
  expect(each).toBeGreaterThan(0.8);
  expect(each).toBeLessThan(1.2);
}

function lines(count: number): AsyncIterable<Buffer> {
  return linesOf(Array.from({ length: count }, (_, n) => JSON.stringify({ documentSelfLink: `/bulk/${n}` })));
}

/** By connections of one kind, or by all. */
function said({ statements }: Cost, by = ''): Statement[] {
  return statements.filter((statement) => statement.text !== null && statement.by.includes(by));
}
