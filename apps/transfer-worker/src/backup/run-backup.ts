import type { BackupResult, Outcome } from '@tidemark/contracts';
import type { ArchiveDraft, SealedArchive } from '@tidemark/destinations';
import { secondsSince } from '@tidemark/platform';

import type { AttemptContext } from '../attempt/attempt-context.js';
import { AttemptCancelled, isLastAttempt } from '../attempt/attempt-ends.js';
import { SnapshotClient } from '../clients/snapshot-client.js';
import { deliver } from './deliver.js';
import { pack } from './pack.js';
import { upload } from './upload.js';
import { verify, type Verification } from './verify.js';

/**
 * Runs a backup from the snapshot to the named archive; one that an earlier attempt had begun to upload is gone on with.
 * Where it throws, nothing is left behind but what the next attempt finishes or removes.
 */
export async function runBackup(context: AttemptContext): Promise<Outcome> {
  const { claim, destination, signal } = context;
  const draft = (await destination.takeUp(claim, signal)) ?? (await exported(context));
  let delivering = false;
  try {
    await upload(context, draft);
    const verified = await verify(context, draft);
    const sealed = await draft.seal();
    const result = resultOf(context, sealed, verified);
    delivering = true;
    await deliver(context, { sealed, result });
    return { state: 'SUCCEEDED', result };
  } catch (error) {
    const isGoneOnWith = delivering
      ? !(signal.reason instanceof AttemptCancelled)
      : draft.isUnderWay && !isLastAttempt(context, error);
    if (!isGoneOnWith) await draft.discard().catch(() => undefined);
    context.facts.destinationTouched = draft.destinationTouched;
    throw error;
  }
}

/** The index as it is now, as a sealed archive. */
async function exported(context: AttemptContext): Promise<ArchiveDraft> {
  const { claim, destination, progress, signal } = context;
  progress.begin('SNAPSHOT');
  const snapshot = await SnapshotClient.open(context.index, claim.indexUrl, { attempt: claim, signal });
  const draft = await destination.draft(claim, signal).catch(async (error: unknown) => {
    await snapshot.close().catch(() => undefined);
    throw error;
  });
  try {
    await pack(context, snapshot, draft.output);
    await draft.seal();
    await context.steps.made('archive closed');
    return draft;
  } catch (error) {
    await draft.discard().catch(() => undefined);
    throw error;
  }
}

function resultOf(
  context: AttemptContext,
  { bytes, sha256 }: SealedArchive,
  { manifest, verified }: Verification,
): BackupResult {
  const { totals, history, snapshot, parts } = manifest;
  return {
    archive: { bytes, sha256, parts: parts.length },
    documents: totals.documents,
    versions: totals.versions,
    earliestUpdateTimeMicros: history.earliestUpdateTimeMicros,
    latestUpdateTimeMicros: history.latestUpdateTimeMicros,
    closedTimeMicros: snapshot.closedTimeMicros,
    verified,
    seconds: secondsSince(context.clock, context.startedMillis),
  };
}
