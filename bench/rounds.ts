import { query } from '@tidemark/testing';

import type { MeasuredSystem } from './measured-system.ts';

/** What is measured, again in every round. */
export interface Operation {
  readonly name: string;
  /** The operation whose seconds its own are held against. */
  readonly against?: string;
  /** Resolves with the bytes that were fetched over HTTP, where they are counted. */
  readonly run: () => Promise<number | undefined>;
}

/** One run of an operation, as whoever asked for it saw it, and what each process took for it. */
export interface Sample {
  readonly seconds: number;
  readonly fetchedBytes: number | undefined;
  readonly cpuSeconds: Readonly<Record<string, number>>;
  readonly peakBytes: Readonly<Record<string, number>>;
}

export interface Measured {
  readonly operation: Operation;
  /** One for each round. */
  readonly samples: readonly Sample[];
}

/** Runs every operation once in each round, so that what changes on the machine meanwhile meets all of them. */
export async function interleaved(
  operations: readonly Operation[],
  { rounds, system }: { readonly rounds: number; readonly system: MeasuredSystem },
  say: (line: string) => void,
): Promise<Measured[]> {
  const measured = operations.map((operation) => ({ operation, samples: [] as Sample[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const { operation, samples } of measured) {
      const sample = await sampleOf(operation, system);
      samples.push(sample);
      say(`round ${round}: ${operation.name} ${sample.seconds.toFixed(2)} s`);
    }
  }
  return measured;
}

/** After a checkpoint, so that none pays for what another has written. */
async function sampleOf({ run }: Operation, { services, processes }: MeasuredSystem): Promise<Sample> {
  await query(services.databaseUrl, 'CHECKPOINT');
  const each = Object.entries(processes);
  for (const [, process] of each) process.resetPeak();
  const cpuBefore = new Map(each.map(([name, process]) => [name, process.cpuSeconds()]));
  const began = performance.now();
  const fetchedBytes = await run();
  const seconds = (performance.now() - began) / 1000;
  return {
    seconds,
    fetchedBytes,
    cpuSeconds: Object.fromEntries(
      each.map(([name, process]) => [name, process.cpuSeconds() - (cpuBefore.get(name) ?? 0)]),
    ),
    peakBytes: Object.fromEntries(each.map(([name, process]) => [name, process.memory().peak])),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return ((low ?? NaN) + (high ?? NaN)) / 2;
}

/** The median of what an operation took by what the other took in the same round. */
export function medianRatio(one: Measured, other: Measured): number {
  return median(one.samples.map(({ seconds }, round) => seconds / (other.samples[round]?.seconds ?? NaN)));
}
