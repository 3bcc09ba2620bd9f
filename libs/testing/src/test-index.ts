import pg from 'pg';

import {
  openDocumentIndex,
  parseDocument,
  type DocumentIndex,
  type DocumentIndexOptions,
  type WriteResult,
} from '@tidemark/document-index';
import { silentLogger } from '@tidemark/platform';

import { createTestDatabase } from './test-database.js';

/** An index of its own in a database of its own, with a way to look behind it. */
export interface TestIndex {
  readonly index: DocumentIndex;
  readonly databaseUrl: string;
  /** Plain connections for looking at and locking things. */
  readonly pool: pg.Pool;
  put(link: string, body: string): Promise<WriteResult>;
  delete(link: string): Promise<WriteResult>;
  /** Several documents in one transaction; null deletes. Returns its stamp. */
  batch(documents: Readonly<Record<string, object | null>>): Promise<number | null>;
  /** Sweeps until nothing is left to drop: a table may be in autovacuum's hands. Returns how many were dropped. */
  sweepAll(): Promise<number>;
  close(): Promise<void>;
}

/** What writers wait for is in the test's hands, so they have long. */
const PATIENT = { writeMillis: 60_000 };

export async function openTestIndex(
  options: Pick<DocumentIndexOptions, 'idleMillis' | 'writeMillis'> = {},
): Promise<TestIndex> {
  const database = await createTestDatabase();
  const ours = { databaseUrl: database.url, parallelism: 2, log: silentLogger };
  const index = await openDocumentIndex({ ...ours, ...PATIENT, ...options });
  const pool = new pg.Pool({ connectionString: database.url });
  pool.on('error', () => undefined);
  return {
    index,
    databaseUrl: database.url,
    pool,
    put: (link, body) => index.write({ method: 'PUT', link, document: parseDocument(Buffer.from(body)) }),
    delete: (link) => index.write({ method: 'DELETE', link }),
    batch: async (documents) => {
      const lines = Object.entries(documents).map(([link, document]) =>
        JSON.stringify({ ...(document ?? { documentUpdateAction: 'DELETE' }), documentSelfLink: link }),
      );
      const { lastUpdateTimeMicros } = await index.writeLines(linesOf(lines));
      return lastUpdateTimeMicros;
    },
    sweepAll: async () => {
      let dropped = 0;
      do dropped += await index.sweep();
      while ((await pool.query(`SELECT FROM catalog.generation WHERE phase = 'DROPPING'`)).rowCount);
      return dropped;
    },
    close: async () => {
      await index.close();
      await pool.end();
      await database.drop();
    },
  };
}

/** NDJSON of lines, as a request body would bring it. */
export async function* linesOf(lines: Iterable<string>): AsyncGenerator<Buffer> {
  for (const line of lines) {
    await Promise.resolve();
    yield Buffer.from(`${line}\n`);
  }
}
