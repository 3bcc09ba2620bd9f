/** `npm run bench`: measures the built product on this machine, over a system of its own that it removes. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';

import { systemClock } from '@tidemark/platform';

import { httpTransfers } from './http-transfers.ts';
import { InterruptedError, interruption } from './interruption.ts';
import { startMeasuredSystem } from './measured-system.ts';
import { readOptions, USAGE, type BenchOptions } from './options.ts';
import { tableOf } from './table.ts';

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
    const system = await startMeasuredSystem(say);
    try {
      await Promise.race([measureAll(options, system), interrupted]);
      return 0;
    } finally {
      await system.remove();
    }
  } catch (error) {
    if (error instanceof InterruptedError) return error.exitCode;
    say(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 1;
  }
}

async function measureAll(
  { versions, rounds, json }: BenchOptions,
  system: Awaited<ReturnType<typeof startMeasuredSystem>>,
): Promise<void> {
  const machine = {
    date: new Date(systemClock.nowMicros() / 1000).toISOString().slice(0, 10),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    postgres: system.serverVersion,
  };
  const transfers = await httpTransfers({ versions, rounds, system }, say);
  const { date, cores, memoryBytes, node, postgres } = machine;
  const memory = `${(memoryBytes / 2 ** 30).toFixed(0)} GiB`;
  process.stdout.write(`${date}, ${cores} cores, ${memory}, Node ${node}, PostgreSQL ${postgres}, ${rounds} rounds\n`);
  process.stdout.write(`${tableOf(transfers)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ machine, httpTransfers: transfers }, null, 2)}\n`);
}
