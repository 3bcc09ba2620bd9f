import { asTidemarkError, errorFacts, type Outcome } from '@tidemark/contracts';

import { deliverAgain } from '../backup/deliver.js';
import { runBackup } from '../backup/run-backup.js';
import { runRestore } from '../restore/run-restore.js';
import type { AttemptContext } from './attempt-context.js';
import { AttemptCancelled, LeaseLost, ShuttingDown } from './attempt-ends.js';

/** What is reported of an attempt; null where there is nothing to say: the lease is lost, or the gateway goes on itself. */
export async function runAttempt(context: AttemptContext): Promise<Outcome | null> {
  try {
    const outcome = await run(context);
    return outcome === 'SWITCHING' ? null : outcome;
  } catch (error) {
    return outcomeOf(context, error);
  }
}

async function run(context: AttemptContext): Promise<Outcome | 'SWITCHING'> {
  const { operation, effect } = context.claim;
  context.signal.throwIfAborted();
  if (effect?.kind === 'FILE') return await deliverAgain(context, effect);
  return operation === 'BACKUP' ? await runBackup(context) : await runRestore(context);
}

/** Why the signal aborted decides before what was thrown: an abort comes out as many errors. */
function outcomeOf({ signal, progress, log, facts }: AttemptContext, error: unknown): Outcome | null {
  if (signal.reason instanceof LeaseLost) return null;
  if (signal.reason instanceof ShuttingDown) return { state: 'HANDED_BACK' };
  const touched = facts.destinationTouched ? { destinationTouched: true } : {};
  if (signal.reason instanceof AttemptCancelled) return { state: 'CANCELLED', ...touched };
  const failure = asTidemarkError(error);
  log.warn({ err: error, code: failure.code, phase: progress.phase }, 'the attempt failed');
  return {
    state: 'FAILED',
    error: {
      code: failure.code,
      message: failure.message,
      phase: progress.phase,
      retriable: errorFacts(failure.code).retriable,
      ...touched,
      ...(failure.details ? { details: { ...failure.details } } : {}),
    },
  };
}
