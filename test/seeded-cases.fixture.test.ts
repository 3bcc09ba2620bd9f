import { createHash, randomInt } from 'node:crypto';

import { environment } from '@tidemark/platform';

/** Support for tests of crashes (no test itself): of many cases some are chosen. */

const { TIDEMARK_TEST_CRASHES, TIDEMARK_TEST_SEED } = environment();

/** Of TIDEMARK_TEST_SEED, or by chance: to be shown, so that the same cases can be had again. */
export const SEED = TIDEMARK_TEST_SEED ?? String(randomInt(2 ** 31));

/**
 * So many of the cases, in an order that follows from the seed, and is another one for each subject. How many may be
 * said by TIDEMARK_TEST_CRASHES, a number or `all`.
 */
export function chosenOf<T extends readonly unknown[]>(
  cases: readonly T[],
  { some, subject }: { some: number; subject: string },
): T[] {
  if (TIDEMARK_TEST_CRASHES === 'all') return [...cases];
  const rank = (one: T): string => createHash('sha256').update(`${SEED} ${subject} ${one.join()}`).digest('hex');
  return [...cases].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, Number(TIDEMARK_TEST_CRASHES ?? some));
}
