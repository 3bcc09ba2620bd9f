import { InternalError, MANAGEMENT_LINK, TidemarkError, type ManagementStatus } from '@tidemark/contracts';
import type { Logger } from '@tidemark/platform';

import type { GatewayParts } from '../tokens.js';
import { VERSION } from '../version.js';

/** Whatever does not answer within this is told as a problem: the question itself is answered always. */
const LIMIT_MILLIS = 2_000;

type Parts = Pick<GatewayParts, 'settings' | 'index' | 'jobs' | 'feed' | 'messaging' | 'policy' | 'log'>;

/** What `GET /core/management` tells. */
export async function managementStatus(parts: Parts): Promise<ManagementStatus> {
  const { settings, index, jobs, messaging, policy, log } = parts;
  const [indexFigures, jobFigures, workers, queues, roots] = await Promise.all([
    withinBound(log, (signal) => index.figures(signal)),
    withinBound(log, () => jobs.figures()),
    withinBound(log, () => jobs.seenWorkers(settings.TIDEMARK_LEASE_SECONDS)),
    withinBound(log, () => messaging.queueStates()),
    withinBound(log, () => policy.prepareRoots()),
  ]);
  return {
    documentSelfLink: MANAGEMENT_LINK,
    version: VERSION,
    index: indexFigures.value,
    jobs: jobFigures.value && { ...jobFigures.value, countByState: { ...jobFigures.value.countByState } },
    workers: workers.value?.map(({ jobIds, ...worker }) => ({ ...worker, jobIds: [...jobIds] })) ?? null,
    queues: queues.value?.map((state) => ({ ...state })) ?? null,
    fileRoots:
      roots.value?.map(({ root, serves, complaint = null }) => ({ root, serves: [...serves], complaint })) ?? null,
    problems: {
      index: indexFigures.problems,
      jobs: [...jobFigures.problems, ...feedProblems(parts)],
      workers: workers.problems,
      queues: queues.problems,
      messaging: [...messaging.problems()],
      fileRoots: roots.problems,
    },
  };
}

export function feedProblems({ feed }: Pick<GatewayParts, 'feed'>): string[] {
  return feed.listening ? [] : ['changes of jobs are not heard at the moment'];
}

interface Bounded<T> {
  readonly value: T | null;
  readonly problems: string[];
}

async function withinBound<T>(log: Logger, ask: (signal: AbortSignal) => Promise<T>): Promise<Bounded<T>> {
  const signal = AbortSignal.timeout(LIMIT_MILLIS);
  const { promise: late, resolve } = Promise.withResolvers<Bounded<T>>();
  const onLate = (): void => resolve({ value: null, problems: [`no answer within ${LIMIT_MILLIS / 1000} s`] });
  signal.addEventListener('abort', onLate, { once: true });
  const answered = ask(signal).then(
    (value) => ({ value, problems: [] }),
    (error: unknown) => ({ value: null, problems: [problemOf(log, error)] }),
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    signal.removeEventListener('abort', onLate);
  }
}

function problemOf(log: Logger, error: unknown): string {
  if (error instanceof TidemarkError) return error.message;
  log.error({ err: error }, 'a part of the status is not known');
  return new InternalError(error).message;
}
