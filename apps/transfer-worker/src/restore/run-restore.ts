import { openArchive, partsFor, type BoundaryPlan, type OpenedArchive } from '@tidemark/archive';
import { RESTORE_KIND, type BuildStatus, type SwitchEffect } from '@tidemark/contracts';

import type { AttemptContext } from '../attempt/attempt-context.js';
import { isLastAttempt } from '../attempt/attempt-ends.js';
import type { StagingClient } from '../clients/staging-client.js';
import { build } from './build.js';
import { openDestination } from './open-destination.js';
import { openStaging, pushParts } from './push-parts.js';

type Built = Extract<BuildStatus, { state: 'DONE' }>;

/**
 * Runs a restore up to the stored intent to switch; the gateway switches. Where it throws, the staged generation is
 * kept for the next attempt, unless there will be none.
 */
export async function runRestore(context: AttemptContext): Promise<'SWITCHING'> {
  const { progress, signal } = context;
  const source = await openDestination(context);
  try {
    const archive = await openArchive(source, { signal });
    await context.steps.made('archive opened');
    const plan = partsFor(archive.manifest, boundaryOf(context));
    const staging = await openStaging(context, archive, plan);
    const built = await load(context, { archive, plan, staging }).catch(async (error: unknown) => {
      if (isLastAttempt(context, error)) await staging.discard().catch(() => undefined);
      throw error;
    });
    progress.begin('SWITCHING');
    await context.finishing({ effect: effectOf({ plan, staging, built }), warnings: [...plan.warnings] });
    return 'SWITCHING';
  } finally {
    await source.close();
  }
}

interface Loading {
  readonly archive: OpenedArchive;
  readonly plan: BoundaryPlan;
  readonly staging: StagingClient;
}

async function load(context: AttemptContext, loading: Loading): Promise<Built> {
  await pushParts(context, loading);
  return await build(context, loading.staging);
}

function boundaryOf({ claim }: AttemptContext): number | undefined {
  return claim.request.kind === RESTORE_KIND ? claim.request.timeSnapshotBoundaryMicros : undefined;
}

function effectOf({ plan, staging, built }: Omit<Loading, 'archive'> & { built: Built }): SwitchEffect {
  return {
    kind: 'SWITCH',
    generation: staging.staged.generation,
    expectedLive: staging.staged.expectedLive,
    documents: built.documents,
    versions: built.versions,
    effectiveBoundaryMicros: plan.effectiveBoundaryMicros,
    partsRead: plan.parts.length,
    partsSkipped: plan.partsSkipped,
  };
}
