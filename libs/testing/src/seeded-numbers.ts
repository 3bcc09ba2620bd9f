/** The next of a row of whole numbers, from 0 up to but without `below`. */
export type Random = (below: number) => number;

/** Numbers that follow from a seed, so that a test by chance can be made again. */
export function seededNumbers(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
