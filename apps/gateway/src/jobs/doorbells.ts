import type { Operation, Steps } from '@tidemark/contracts';
import type { RunnableJob } from '@tidemark/jobs';
import type { Messaging } from '@tidemark/messaging';
import type { Logger } from '@tidemark/platform';

/** A broker that is down must not hold anybody up. */
const RING_MILLIS = 2_000;

const ROUTES = { BACKUP: 'backupDoorbell', RESTORE: 'restoreDoorbell' } as const satisfies Record<Operation, string>;

/** Says "look at this job" to whichever worker is free. */
export class Doorbells {
  constructor(private readonly parts: { messaging: Messaging; steps: Steps; log: Logger }) {}

  /** False, and never an error, when the broker did not take it within its bound: the sweep rings again. */
  async ring({ jobId, operation }: RunnableJob): Promise<boolean> {
    const { messaging, steps, log } = this.parts;
    try {
      await messaging.publish(ROUTES[operation], { jobId }, { signal: AbortSignal.timeout(RING_MILLIS) });
      await steps.made('doorbell sent');
      return true;
    } catch (error) {
      log.debug({ err: error, jobId }, 'the doorbell of a job was not rung');
      return false;
    }
  }
}
