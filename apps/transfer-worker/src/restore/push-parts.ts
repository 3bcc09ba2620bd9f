import type { BoundaryPlan, OpenedArchive } from '@tidemark/archive';
import type { OpenStagedRequest } from '@tidemark/contracts';
import { retry } from '@tidemark/platform';

import type { AttemptContext } from '../attempt/attempt-context.js';
import { ServiceUnreachableError } from '../clients/internal-http.js';
import { StagingClient } from '../clients/staging-client.js';

/** A part pushed twice is loaded once, so a push without an answer is made again. */
const AGAIN = {
  attempts: 3,
  firstDelayMillis: 100,
  maxDelayMillis: 1000,
  retriable: (error: unknown): boolean => error instanceof ServiceUnreachableError,
};

export async function openStaging(
  context: AttemptContext,
  archive: OpenedArchive,
  plan: BoundaryPlan,
): Promise<StagingClient> {
  const { claim, index, signal } = context;
  const { manifest, manifestSha256 } = archive;
  const latest = manifest.history.latestUpdateTimeMicros ?? 0;
  const request: OpenStagedRequest = {
    jobId: claim.jobId,
    fence: claim.fence,
    archive: {
      manifestSha256,
      system: manifest.index.system,
      generation: manifest.index.generation,
      closedTimeMicros: manifest.snapshot.closedTimeMicros,
      documents: manifest.totals.documents,
      versions: manifest.totals.versions,
      ...manifest.history,
    },
    boundaryMicros: plan.effectiveBoundaryMicros >= latest ? null : plan.effectiveBoundaryMicros,
  };
  return await StagingClient.open(index, claim.indexUrl, { request, grant: claim.grant, signal });
}

/** Pushes the parts that the boundary needs and that are not loaded yet, a few at a time. */
export async function pushParts(
  context: AttemptContext,
  { archive, plan, staging }: { archive: OpenedArchive; plan: BoundaryPlan; staging: StagingClient },
): Promise<void> {
  const loaded = new Set(staging.staged.loadedParts);
  const parts = plan.parts.map((place) => ({ place, facts: archive.parts[place] }));
  context.progress.begin('STAGING', {
    versions: parts.reduce((rows, { facts }) => rows + (facts?.rows ?? 0), 0),
    bytes: parts.reduce((bytes, { facts }) => bytes + (facts?.bytes ?? 0), 0),
  });
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const waiting = parts.values();
  const lane = async (): Promise<void> => {
    for (const { place, facts } of waiting) {
      if (!facts) continue;
      if (!loaded.has(place)) {
        await retry(
          AGAIN,
          () => staging.push(place, { facts, bytes: archive.streamPart(place, signal) }, signal),
          signal,
        );
      }
      context.progress.add(facts.rows, facts.bytes);
    }
  };
  const lanes = Array.from({ length: context.parallelism }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(lanes);
    throw error;
  }
}
