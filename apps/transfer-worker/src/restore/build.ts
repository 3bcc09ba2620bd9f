import { RemoteError, type BuildStatus } from '@tidemark/contracts';
import { sleep } from '@tidemark/platform';

import type { AttemptContext } from '../attempt/attempt-context.js';
import type { StagingClient } from '../clients/staging-client.js';

const FIRST_POLL_MILLIS = 20;
const LAST_POLL_MILLIS = 500;

/** Has the index-service make the loaded generation whole and check it. */
export async function build(
  { progress, signal }: AttemptContext,
  staging: StagingClient,
): Promise<Extract<BuildStatus, { state: 'DONE' }>> {
  progress.begin('BUILDING');
  await staging.startBuild(signal);
  for (let millis = FIRST_POLL_MILLIS; ; millis = Math.min(LAST_POLL_MILLIS, 2 * millis)) {
    const status = await staging.buildStatus(signal);
    if (status.state === 'DONE') return status;
    if (status.state === 'FAILED') throw new RemoteError(status.error);
    await sleep(millis, signal);
  }
}
