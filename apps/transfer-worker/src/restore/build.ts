import { RemoteError, type BuildStatus } from '@tidemark/contracts';
import { sleep } from '@tidemark/platform';

import type { AttemptContext } from '../attempt/attempt-context.js';
import type { StagingClient } from '../clients/staging-client.js';

/** Each answer waits for the end; this is the least between two that came at once. */
const PAUSE_MILLIS = 10;

/** Has the index-service make the loaded generation whole and check it. */
export async function build(
  { progress, signal }: AttemptContext,
  staging: StagingClient,
): Promise<Extract<BuildStatus, { state: 'DONE' }>> {
  progress.begin('BUILDING');
  await staging.startBuild(signal);
  for (;;) {
    const status = await staging.buildStatus(signal);
    if (status.state === 'DONE') return status;
    if (status.state === 'FAILED') throw new RemoteError(status.error);
    await sleep(PAUSE_MILLIS, signal);
  }
}
