import {
  effectSchema,
  type Effect,
  type FinishingRequest,
  type HeartbeatAnswer,
  type JobPhase,
  type Operation,
} from '@tidemark/contracts';

import { nextState } from './job-states.js';
import { mergeWarnings, type JobChanges, type SeenJob, type StoredJob } from './stored-job.js';

export type Verdict = HeartbeatAnswer['verdict'];

const EFFECTS: Record<Effect['kind'], { operation: Operation; phase: JobPhase }> = {
  FILE: { operation: 'BACKUP', phase: 'DELIVERING' },
  SWITCH: { operation: 'RESTORE', phase: 'SWITCHING' },
};

/** What storing the effect makes of the job; undefined when it may not, or need not, be stored. */
export function planFinishing({ job, nowMicros }: SeenJob, request: FinishingRequest): JobChanges | undefined {
  const next = nextState(job.state, 'FINISH');
  const { operation, phase } = EFFECTS[request.effect.kind];
  if (next === undefined || job.fence !== request.fence || job.operation !== operation) return undefined;
  return {
    state: next,
    phase,
    effect: request.effect,
    warnings: mergeWarnings(job.warnings, request.warnings),
    // Whoever stores the effect of a restore asks for the switch at once; the sweep asks only later.
    rungAtMicros: nowMicros,
  };
}

/** What a worker is told whose request changed nothing. An effect is stored once and never replaced. */
export function verdictOnUnchanged(job: StoredJob | undefined, request: FinishingRequest): Verdict {
  if (job?.fence !== request.fence) return 'LOST';
  if (job.state === 'CANCELLING') return 'CANCEL';
  return job.state === 'FINISHING' && normalForm(job.effect) === normalForm(request.effect) ? 'GO' : 'LOST';
}

/** Equal for equal effects, in whatever order their fields came. */
function normalForm(effect: Effect | null): string {
  return JSON.stringify(effectSchema.nullable().parse(effect));
}
