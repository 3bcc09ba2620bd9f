import type { BackupResult, Outcome } from '@tidemark/contracts';
import { secondsSince } from '@tidemark/platform';

import type { AttemptContext } from '../attempt/attempt-context.js';
import { AttemptCancelled } from '../attempt/attempt-ends.js';
import { SnapshotClient } from '../clients/snapshot-client.js';
import { deliver } from './deliver.js';
import { pack, type PackedArchive } from './pack.js';
import { verify } from './verify.js';

/**
 * Runs a backup from the snapshot to the named archive. Where it throws, nothing is left behind but an archive whose
 * delivery may already be the job's stored effect: the next attempt finishes or removes it.
 */
export async function runBackup(context: AttemptContext): Promise<Outcome> {
  const { claim, destination, progress, signal } = context;
  progress.begin('SNAPSHOT');
  const snapshot = await SnapshotClient.open(context.index, claim.indexUrl, { attempt: claim, signal });
  const draft = await destination.draft(claim, signal).catch(async (error: unknown) => {
    await snapshot.close().catch(() => undefined);
    throw error;
  });
  let delivering = false;
  try {
    const packed = await pack(context, snapshot, draft.output);
    const sealed = await draft.seal();
    await verify(context, draft, packed);
    const result = resultOf(context, packed);
    delivering = true;
    await deliver(context, { sealed, result });
    return { state: 'SUCCEEDED', result };
  } catch (error) {
    const wanted = delivering && !(signal.reason instanceof AttemptCancelled);
    if (!wanted) await draft.discard().catch(() => undefined);
    throw error;
  }
}

function resultOf(context: AttemptContext, { bytes, sha256, manifest }: PackedArchive): BackupResult {
  const { totals, history, snapshot, parts } = manifest;
  return {
    archive: { bytes, sha256, parts: parts.length },
    documents: totals.documents,
    versions: totals.versions,
    earliestUpdateTimeMicros: history.earliestUpdateTimeMicros,
    latestUpdateTimeMicros: history.latestUpdateTimeMicros,
    closedTimeMicros: snapshot.closedTimeMicros,
    verified: 'EVERY_PART',
    seconds: secondsSince(context.clock, context.startedMillis),
  };
}
