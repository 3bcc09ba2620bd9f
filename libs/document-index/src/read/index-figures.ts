import type pg from 'pg';

import type { IndexFigures } from '@tidemark/contracts';

import { readPointer } from '../catalog/catalog.js';
import { tablesOf } from '../layout/layout.js';
import { withClient } from '../postgres/transaction.js';

/** Figures of the live generation, from the server's statistics: cheap at any size, and estimates therefore. */
export async function readIndexFigures({ pool, indexId }: { pool: pg.Pool; indexId: number }): Promise<IndexFigures> {
  return await withClient(pool, async (client) => {
    const { live, previous, floor } = await readPointer(client, indexId);
    const { versions, documents } = tablesOf(live);
    const { rows } = await client.query<{ documents: number; versions: number; bytes: number }>(
      `SELECT ${rowsOf(documents)} AS documents, ${rowsOf(versions)} AS versions,
        (pg_total_relation_size('${versions}') + pg_total_relation_size('${documents}'))::bigint AS bytes`,
    );
    const figures = rows[0] ?? { documents: 0, versions: 0, bytes: 0 };
    return {
      liveGeneration: live,
      previousGeneration: previous,
      documentsEstimate: figures.documents,
      versionsEstimate: figures.versions,
      bytes: figures.bytes,
      stampFloorMicros: floor,
    };
  });
}

function rowsOf(table: string): string {
  return `(SELECT greatest(n_live_tup, 0) FROM pg_stat_all_tables WHERE relid = '${table}'::regclass)`;
}
