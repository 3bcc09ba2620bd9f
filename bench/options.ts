import { parseArgs } from 'node:util';

/** What a person may ask of the bench. */
export interface BenchOptions {
  readonly versions: number;
  readonly rounds: number;
  /** Where everything that was measured is written as JSON. */
  readonly json: string | undefined;
}

export const USAGE = `npm run bench [-- --versions <number>] [--rounds <number>] [--json <file>]
  --versions <number>  versions in the index, 1000 or more; 200000 unless said
  --rounds <number>    how often everything is measured, 1 to 99; 3 unless said
  --json <file>        writes all figures there too`;

/** Undefined where the arguments are none that it has. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  try {
    const options = { versions: { type: 'string' }, rounds: { type: 'string' }, json: { type: 'string' } } as const;
    const { versions = '200000', rounds = '3', json } = parseArgs({ args: [...args], options }).values;
    const areNumbers = /^[1-9]\d{3,7}$/.test(versions) && /^[1-9]\d?$/.test(rounds);
    return areNumbers ? { versions: Number(versions), rounds: Number(rounds), json } : undefined;
  } catch {
    return undefined;
  }
}
