import type { TestProcess } from '@tidemark/testing';

interface Readiness {
  readonly status: number;
  /** What each check found, by its name. */
  readonly problems: Readonly<Record<string, readonly string[]>>;
}

export async function readinessOf({ url }: Pick<TestProcess, 'url'>): Promise<Readiness> {
  const answer = await fetch(`${url}/core/health/ready`);
  const { problems } = (await answer.json()) as Pick<Readiness, 'problems'>;
  return { status: answer.status, problems };
}

/** Resolves as soon as a process is ready (200), or not (503). */
export async function untilReadiness(process: Pick<TestProcess, 'url'>, status: 200 | 503): Promise<Readiness> {
  for (;;) {
    const readiness = await readinessOf(process);
    if (readiness.status === status) return readiness;
  }
}
