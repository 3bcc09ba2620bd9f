import type { RestoreResult, SwitchAnswer, SwitchEffect } from '@tidemark/contracts';

import { planAttemptEnd, type AttemptEnd, type ReportedError } from './plan-attempt-end.js';
import type { RetryRule } from './retry-rule.js';
import type { JobChanges, SeenJob } from './stored-job.js';

/** How the index-service answered the switch of a restore, or the error that kept it from answering. */
export type SwitchEnd = SwitchAnswer | { readonly outcome: 'FAILED'; readonly error: ReportedError };

/** What the switch makes of a restore; undefined when the job is not one that waits for its switch. */
export function planSwitchEnd(seen: SeenJob, end: SwitchEnd, rule: RetryRule): JobChanges | undefined {
  const { effect, state } = seen.job;
  if (state !== 'FINISHING' || effect?.kind !== 'SWITCH') return undefined;
  return planAttemptEnd(seen, asAttemptEnd(seen, end, effect), rule);
}

function asAttemptEnd(seen: SeenJob, end: SwitchEnd, effect: SwitchEffect): AttemptEnd {
  switch (end.outcome) {
    case 'SWITCHED':
      return { state: 'SUCCEEDED', result: { ...resultOf(end, effect), seconds: secondsOf(seen) } };
    case 'REFUSED':
      return { state: 'FAILED', error: indexMoved(end) };
    case 'FAILED':
      return { state: 'FAILED', error: end.error };
  }
}

function resultOf(
  answer: Extract<SwitchAnswer, { outcome: 'SWITCHED' }>,
  effect: SwitchEffect,
): Omit<RestoreResult, 'seconds'> {
  return {
    documents: effect.documents,
    versions: effect.versions,
    effectiveBoundaryMicros: effect.effectiveBoundaryMicros,
    generation: answer.generation,
    previousGeneration: answer.previousGeneration,
    versionsLeftBehind: answer.versionsLeftBehind,
    partsRead: effect.partsRead,
    partsSkipped: effect.partsSkipped,
    restartRequired: false,
  };
}

/** How long the attempt took that brought the restore to its switch, the switch included. */
function secondsOf({ job, nowMicros }: SeenJob): number {
  return Math.round((nowMicros - (job.attemptStartedAtMicros ?? nowMicros)) / 1000) / 1000;
}

function indexMoved({ live, expectedLive }: Extract<SwitchAnswer, { outcome: 'REFUSED' }>): ReportedError {
  return {
    code: 'INDEX_MOVED',
    message: `the live generation is ${live} now, not ${expectedLive}, which this restore was to replace`,
    phase: 'SWITCHING',
    details: { live, expectedLive },
  };
}
