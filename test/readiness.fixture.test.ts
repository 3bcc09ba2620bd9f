import type { TestProcess } from '@tidemark/testing';

/** What each check found, by its name. */
export type Problems = Readonly<Record<string, readonly string[]>>;
interface Readiness {
  readonly status: number;
  readonly problems: Problems;
}

export async function readinessOf({ url }: Pick<TestProcess, 'url'>): Promise<Readiness> {
  return await withoutPause(async () => {
    const answer = await fetch(`${url}/core/health/ready`);
    const { problems } = (await answer.json()) as Pick<Readiness, 'problems'>;
    return { status: answer.status, problems };
  });
}

/** Resolves as soon as a process is ready (200), or not (503). */
export async function untilReadiness(process: Pick<TestProcess, 'url'>, status: 200 | 503): Promise<Readiness> {
  for (;;) {
    const readiness = await readinessOf(process);
    if (readiness.status === status) return readiness;
  }
}

/** Asks until no check was held up by a pause of the machine for longer than a check may take. */
export async function withoutPause<T extends { readonly problems: Problems }>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const told = await ask();
    if (!isOfPause(told.problems)) return told;
  }
}

function isOfPause(problems: Problems): boolean {
  return Object.values(problems)
    .flat()
    .some((problem) => problem.startsWith('no answer within'));
}
