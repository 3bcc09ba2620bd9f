/** `npm run bench`: measures the built product on this machine, over systems of its own that it removes. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';

import { systemClock } from '@tidemark/platform';

import { againstPostgresTools } from './against-postgres-tools.ts';
import { flatness } from './flatness.ts';
import { httpTransfers } from './http-transfers.ts';
import { InterruptedError, interruption } from './interruption.ts';
import { livingWithBackup } from './living-with-backup.ts';
import { readOptions, USAGE, type BenchOptions, type SubjectName } from './options.ts';
import { smallOperations } from './small-operations.ts';
import { spread } from './spread.ts';
import { markdown, type Findings } from './table.ts';
import { Workplace } from './workplace.ts';

const SUBJECTS: Record<SubjectName, (workplace: Workplace, options: BenchOptions) => Promise<Findings>> = {
  'http-transfers': httpTransfers,
  'against-postgres-tools': againstPostgresTools,
  'small-operations': smallOperations,
  'living-with-backup': livingWithBackup,
  flatness,
  spread,
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const options = readOptions(process.argv.slice(2));
if (options) process.exitCode = await bench(options);
else {
  say(USAGE);
  process.exitCode = 2;
}

/** Resolves with the exit code when everything has ended and is gone. */
async function bench(options: BenchOptions): Promise<number> {
  const interrupted = interruption();
  try {
    const workplace = await Workplace.open(say);
    try {
      await Promise.race([measureAll(options, workplace), interrupted]);
      return 0;
    } finally {
      await workplace.remove();
    }
  } catch (error) {
    if (error instanceof InterruptedError) return error.exitCode;
    say(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 1;
  }
}

/** Each subject's tables are printed as soon as they are there. */
async function measureAll(options: BenchOptions, workplace: Workplace): Promise<void> {
  const machine = {
    date: new Date(systemClock.nowMicros() / 1000).toISOString().slice(0, 10),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    postgres: await workplace.serverVersion(),
  };
  const { date, cores, memoryBytes, node, postgres } = machine;
  const memory = `${(memoryBytes / 2 ** 30).toFixed(0)} GiB`;
  const server = `PostgreSQL ${postgres}`;
  process.stdout.write(`${date}, ${cores} cores, ${memory}, Node ${node}, ${server}, ${options.rounds} rounds\n`);
  const figures: Partial<Record<SubjectName, unknown>> = {};
  for (const name of options.only) {
    const began = performance.now();
    const findings = await SUBJECTS[name](workplace, options);
    figures[name] = findings.figures;
    process.stdout.write(`\n### ${name}\n${findings.tables.map((table) => `${markdown(table)}\n`).join('\n')}`);
    say(`${name} took ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify({ machine, ...figures }, null, 2)}\n`);
  }
}
