import type { Writable } from 'node:stream';

import { writeArchive, type PackedPart } from '@tidemark/archive';

import type { AttemptContext } from '../attempt/attempt-context.js';
import type { SnapshotClient } from '../clients/snapshot-client.js';
import { PRODUCT } from '../product.js';
import { fetchParts } from './fetch-parts.js';

/** Fetches a snapshot's parts into an archive, and closes the snapshot as soon as the last one is in. */
export async function pack(context: AttemptContext, snapshot: SnapshotClient, output: Writable): Promise<void> {
  const { system, generation, closedTimeMicros, pgSnapshot, serverVersion, versionsEstimate } = snapshot.snapshot;
  context.progress.begin('EXPORTING', { versions: versionsEstimate, bytes: null });
  const totals = snapshot.totals(context.signal);
  totals.catch(() => undefined);
  try {
    await writeArchive({
      output,
      header: {
        product: PRODUCT,
        index: { name: 'document-index', generation, system },
        snapshot: { closedTimeMicros, pgSnapshot, serverVersion },
      },
      parts: countedParts(context, snapshot),
      totals: () => totals,
      signal: context.signal,
    });
  } finally {
    await snapshot.close().catch((error: unknown) => {
      context.log.warn({ err: error }, 'the snapshot could not be closed; it closes itself when idle');
    });
  }
}

async function* countedParts(context: AttemptContext, snapshot: SnapshotClient): AsyncGenerator<PackedPart> {
  for await (const part of fetchParts(snapshot, context)) {
    await context.steps.made('part fetched');
    yield part;
    await context.steps.made('part appended');
    context.progress.add(part.facts.rows, part.facts.bytes);
  }
}
