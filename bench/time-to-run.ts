import { systemClock } from '@tidemark/platform';

import { quantile } from './figures.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { Table } from './table.ts';

const JOBS = 40;

/** Milliseconds from the sending of a PATCH. */
interface Waits {
  readonly accepted: number;
  /** By the database's clock, where that is this machine's. */
  readonly started: number;
  readonly told: number;
  readonly settled: number;
}

/**
 * Backups of an index with nothing in it, one after the other. The events of a job are pushed, so that being told has
 * no resolution but that of the way; it begins when the PATCH is answered, for there is no id before.
 */
export async function timeToRun(system: MeasuredSystem): Promise<{ table: Table; figures: readonly Waits[] }> {
  const figures: Waits[] = [];
  for (let job = 0; job < JOBS; job++) figures.push(await one(system));
  const row = (name: string, of: (waits: Waits) => number): string[] => {
    const values = figures.map(of);
    return [name, ...[0.5, 0.99, 0].map((share) => quantile(values, share).toFixed(1))];
  };
  const table = {
    title: `From a PATCH, ${JOBS} jobs of an idle system, ms`,
    head: ['until', 'p50', 'p99', 'least'],
    rows: [
      row('it is answered with 202', ({ accepted }) => accepted),
      row('the job is RUNNING, by its startedAtMicros', ({ started }) => started),
      row('its events say RUNNING', ({ told }) => told),
      row('its events say SUCCEEDED', ({ settled }) => settled),
    ],
  };
  return { table, figures };
}

async function one({ services: { client }, archives }: MeasuredSystem): Promise<Waits> {
  const began = performance.now();
  const since = (): number => performance.now() - began;
  const beganMicros = systemClock.nowMicros();
  const { body } = await client.backup(`file:${archives}/idle.zip`, { wait: false });
  const accepted = since();
  let told: number | undefined;
  for await (const job of client.watch(body.id)) {
    if (job.state !== 'QUEUED') told ??= since();
    if (job.state !== 'SUCCEEDED') continue;
    const started = ((job.startedAtMicros ?? NaN) - beganMicros) / 1000;
    return { accepted, started, told: told ?? NaN, settled: since() };
  }
  throw new Error('a backup has not succeeded');
}
