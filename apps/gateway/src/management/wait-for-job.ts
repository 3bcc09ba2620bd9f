import { errorFacts, isTerminal, TidemarkError, type Job } from '@tidemark/contracts';
import type { JobFeed } from '@tidemark/jobs';
import { anySignal } from '@tidemark/platform';

interface Wait {
  readonly feed: JobFeed;
  readonly seconds: number;
  /** Ends the wait early: the caller is gone, or the server stops. */
  readonly signal: AbortSignal;
}

/** The job as it is when it has ended or the wait is over, whichever comes first. */
export async function waitForJob(job: Job, { feed, seconds, signal }: Wait): Promise<Job> {
  let latest = job;
  if (seconds === 0 || isTerminal(job.state)) return latest;
  try {
    for await (const now of feed.watch(job.id, anySignal(signal, AbortSignal.timeout(seconds * 1000)))) latest = now;
  } catch (error) {
    // The job is stored, and its caller must learn its id whatever has become of the database since.
    if (!(error instanceof TidemarkError)) throw error;
  }
  return latest;
}

/** The status of an answer that waited: of an ended job its outcome, else 202. */
export function statusOf(job: Job): number {
  switch (job.state) {
    case 'SUCCEEDED':
      return 200;
    case 'FAILED':
      return errorFacts(job.error?.code ?? 'INTERNAL').status;
    case 'CANCELLED':
      return errorFacts('CANCELLED').status;
    default:
      return 202;
  }
}
