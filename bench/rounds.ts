import { query } from '@tidemark/testing';

import type { MeasuredSystem } from './measured-system.ts';
import { percent } from './figures.ts';
import { busySeconds, ownCpuSeconds, shareOfOthers } from './other-cpu.ts';
import { postgresCpu } from './postgres-cpu.ts';
import { statOf, TICKS_A_SECOND } from './proc-stat.ts';
import type { Say } from './workplace.ts';

/** What is measured, again in every round. */
export interface Operation {
  readonly name: string;
  /** The operation whose seconds its own are held against. */
  readonly against?: string;
  /** What it works on, where that is not the system of the rounds. */
  readonly system?: MeasuredSystem;
  /** Before each run, and not measured. */
  readonly prepare?: () => Promise<void>;
  readonly run: () => Promise<Noted>;
  /** After each run, and not measured. */
  readonly tidy?: () => Promise<void>;
}

/** What a run tells of itself. */
export interface Noted {
  /** That were fetched over HTTP, where they are counted. */
  readonly fetchedBytes?: number;
  /** Of the file that it wrote. */
  readonly fileBytes?: number;
  /** That it was made of. */
  readonly calls?: Calls;
  /** That it wrote or read. */
  readonly documents?: number;
}

/** Calls of one kind, as their callers saw them. */
export interface Calls {
  readonly count: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
}

/** One run of an operation, as whoever asked for it saw it, and what each process took for it. */
export interface Sample extends Noted {
  readonly seconds: number;
  readonly cpuSeconds: Readonly<Record<string, number>>;
  /** Of programs that the bench itself ran and waited for. */
  readonly programCpuSeconds: number;
  /** Of the whole server; undefined where it does not run on this machine. */
  readonly postgresCpuSeconds: number | undefined;
  readonly peakBytes: Readonly<Record<string, number>>;
  /** Of everything on this machine that is not the bench's; where PostgreSQL runs elsewhere, too. */
  readonly othersCpuSeconds: number;
}

export interface Measured {
  readonly operation: Operation;
  /** One for each round. */
  readonly samples: readonly Sample[];
}

interface Rounds {
  readonly rounds: number;
  readonly system: MeasuredSystem;
  readonly say: Say;
  /** Aborts between two runs. */
  readonly signal: AbortSignal;
}

/** Runs every operation once in each round, so that what changes on the machine meanwhile meets all of them. */
export async function interleaved(
  operations: readonly Operation[],
  { rounds, system, say, signal }: Rounds,
): Promise<Measured[]> {
  const measured = operations.map((operation) => ({ operation, samples: [] as Sample[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const { operation, samples } of measured) {
      signal.throwIfAborted();
      const sample = await sampleOf(operation, operation.system ?? system);
      samples.push(sample);
      say(`round ${round}: ${operation.name} ${sample.seconds.toFixed(2)} s`);
    }
  }
  say(`others had ${othersOf(measured)} of the processors meanwhile`);
  return measured;
}

/** Where this is more than some percent, the machine was not quiet. */
function othersOf(measured: readonly Measured[]): string {
  const samples = measured.flatMap((each) => each.samples);
  const sum = (of: (sample: Sample) => number): number => samples.reduce((total, sample) => total + of(sample), 0);
  const others = sum(({ othersCpuSeconds }) => othersCpuSeconds);
  return percent(shareOfOthers({ seconds: sum(({ seconds }) => seconds), others }), 0);
}

/** After a checkpoint, so that none pays for what another has written. */
async function sampleOf({ prepare, run, tidy }: Operation, { services, processes }: MeasuredSystem): Promise<Sample> {
  await prepare?.();
  await query(services.databaseUrl, 'CHECKPOINT');
  const each = Object.entries(processes);
  for (const [, process] of each) process.resetPeak();
  const postgres = await postgresCpu(services.databaseUrl);
  const sharedBefore = {
    postgres: postgres(),
    programs: endedProgramsCpu(),
    busy: busySeconds(),
    own: ownCpuSeconds(),
  };
  const cpuBefore = new Map(each.map(([name, process]) => [name, process.cpuSeconds()]));
  const began = performance.now();
  const noted = await run();
  const seconds = (performance.now() - began) / 1000;
  const busy = busySeconds() - sharedBefore.busy - (ownCpuSeconds() - sharedBefore.own);
  const took = {
    cpuSeconds: Object.fromEntries(
      each.map(([name, process]) => [name, process.cpuSeconds() - (cpuBefore.get(name) ?? 0)]),
    ),
    programCpuSeconds: endedProgramsCpu() - sharedBefore.programs,
    postgresCpuSeconds: sharedBefore.postgres === undefined ? undefined : (postgres() ?? NaN) - sharedBefore.postgres,
  };
  const peakBytes = Object.fromEntries(each.map(([name, process]) => [name, process.memory().peak]));
  await tidy?.();
  return { ...noted, seconds, ...took, othersCpuSeconds: busy - cpuOfAll(took), peakBytes };
}

/** Of this process's children that have ended, and of theirs. */
function endedProgramsCpu(): number {
  return (statOf(process.pid)?.endedTicks ?? 0) / TICKS_A_SECOND;
}

/** On a processor, of everything that worked for it. */
export function allCpuSeconds(sample: Took): number {
  return sample.postgresCpuSeconds === undefined ? NaN : cpuOfAll(sample);
}

type Took = Pick<Sample, 'cpuSeconds' | 'programCpuSeconds' | 'postgresCpuSeconds'>;

function cpuOfAll({ cpuSeconds, programCpuSeconds, postgresCpuSeconds = 0 }: Took): number {
  return Object.values(cpuSeconds).reduce((sum, each) => sum + each, programCpuSeconds + postgresCpuSeconds);
}

/** What an operation took by what the other took in the same round, of each round. */
export function ratios(
  one: Measured,
  other: Measured,
  figure: (sample: Sample) => number = ({ seconds }) => seconds,
): number[] {
  return one.samples.map((sample, round) => {
    const held = other.samples[round];
    return held ? figure(sample) / figure(held) : NaN;
  });
}
