import { parseArgs } from 'node:util';

const SUBJECT_NAMES = [
  'http-transfers',
  'against-postgres-tools',
  'small-operations',
  'living-with-backup',
  'flatness',
  'spread',
] as const;
/** Each is a file of this folder. */
export type SubjectName = (typeof SUBJECT_NAMES)[number];

/** What a person may ask of the bench. */
export interface BenchOptions {
  readonly only: readonly SubjectName[];
  /** In the index of subjects that have one size. */
  readonly versions: number;
  /** Of subjects that compare sizes; each has its own where undefined. */
  readonly sizes: readonly number[] | undefined;
  readonly rounds: number;
  /** Where everything that was measured is written as JSON. */
  readonly json: string | undefined;
}

export const USAGE = `npm run bench [-- --only <subject>[,…]] [--versions <number>] [--sizes <number>[,…]]
                [--rounds <number>] [--json <file>]
  --only <subject>[,…]  all unless said, of
${SUBJECT_NAMES.map((name) => `                        ${name}`).join('\n')}
  --versions <number>   versions in the index, 1000 or more; 200000 unless said
  --sizes <number>[,…]  the same, for subjects that compare sizes
  --rounds <number>     how often everything is measured, 1 to 99; 3 unless said
  --json <file>         writes all figures there too`;

/** Undefined where the arguments are none that it has. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  try {
    const text = { type: 'string' } as const;
    const options = { only: text, versions: text, sizes: text, rounds: text, json: text };
    const given = parseArgs({ args: [...args], options }).values;
    return {
      only: given.only === undefined ? SUBJECT_NAMES : given.only.split(',').map(subject),
      versions: size(given.versions ?? '200000'),
      sizes: given.sizes?.split(',').map(size),
      rounds: matching(given.rounds ?? '3', /^[1-9]\d?$/),
      json: given.json,
    };
  } catch (error) {
    if (error instanceof TypeError || error instanceof NotAnOptionError) return undefined;
    throw error;
  }
}

class NotAnOptionError extends Error {
  override readonly name = 'NotAnOptionError';
}

function subject(name: string): SubjectName {
  const known = SUBJECT_NAMES.find((each) => each === name);
  if (known === undefined) throw new NotAnOptionError(name);
  return known;
}

function size(text: string): number {
  return matching(text, /^[1-9]\d{3,7}$/);
}

function matching(text: string, wanted: RegExp): number {
  if (!wanted.test(text)) throw new NotAnOptionError(text);
  return Number(text);
}
