import type { BackupResult, FileEffect, Outcome } from '@tidemark/contracts';
import type { SealedArchive } from '@tidemark/destinations';

import type { AttemptContext } from '../attempt/attempt-context.js';

/** Gives the verified archive its name. From the answer to `finishing` on, any attempt can do it in this one's place. */
export async function deliver(
  context: AttemptContext,
  { sealed, result }: { sealed: SealedArchive; result: BackupResult },
): Promise<void> {
  context.progress.begin('DELIVERING');
  await context.finishing({ effect: { kind: 'FILE', ...sealed, result } });
  await context.destination.finish(sealed, context.claim, context.signal);
  await context.steps.made('archive named');
}

/** Finishes what an earlier attempt had stored as its effect. */
export async function deliverAgain(context: AttemptContext, effect: FileEffect): Promise<Outcome> {
  context.progress.begin('DELIVERING');
  const { temp, bytes, sha256, result } = effect;
  await context.destination.finish({ temp, bytes, sha256 }, context.claim, context.signal);
  return { state: 'SUCCEEDED', result };
}
