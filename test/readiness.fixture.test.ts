import type { TestProcess } from '@tidemark/testing';

/** What each check found, by its name. */
export type Problems = Readonly<Record<string, readonly string[]>>;
interface Readiness {
  readonly status: number;
  readonly problems: Problems;
}

/** Resolves as soon as a process is ready (200), or not (503). */
export async function untilReadiness({ url }: Pick<TestProcess, 'url'>, status: 200 | 503): Promise<Readiness> {
  for (;;) {
    const answer = await fetch(`${url}/core/health/ready`);
    const { problems } = (await answer.json()) as Pick<Readiness, 'problems'>;
    if (answer.status === status && !isOfPause(problems)) return { status, problems };
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
