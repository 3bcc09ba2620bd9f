import type { SystemClient } from '@tidemark/testing';

import { callAtRate, HttpTarget } from './callers.ts';
import { quantile, spread } from './figures.ts';
import { anyLink, seeded, seededHistory } from './histories.ts';
import { endedWell } from './jobs.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { BenchOptions } from './options.ts';
import type { Findings, Table } from './table.ts';
import type { Workplace } from './workplace.ts';

const SECONDS = 5;
const READS_A_SECOND = 40;
const WRITES_A_SECOND = 20;

/** Milliseconds of each call. */
interface Phase {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

interface Round {
  readonly alone: Phase;
  readonly backups: number;
  readonly during: Phase;
}

/** Reads and writes at a steady low rate, in turns alone and while one backup follows the other. */
export async function livingWithBackup(workplace: Workplace, { versions, rounds }: BenchOptions): Promise<Findings> {
  const archive = await workplace.archiveOf(seededHistory(versions));
  const figures: Round[] = [];
  await workplace.withSystem({}, async (system) => {
    await system.fill(archive);
    const target = new HttpTarget(system.services.url);
    await phase(target, versions);
    for (let round = 1; round <= rounds; round++) {
      workplace.signal.throwIfAborted();
      const alone = await phase(target, versions);
      const { result: during, backups } = await duringBackups(system, () => phase(target, versions));
      figures.push({ alone, during, backups });
      workplace.say(`round ${round}: ${backups} backups beside reads and writes`);
    }
    target.close();
  });
  return { tables: [tableOf(figures, versions)], figures };
}

async function phase(target: HttpTarget, versions: number): Promise<Phase> {
  const next = seeded(3);
  const link = (): string => anyLink(versions, next);
  const body = JSON.stringify({ text: 'ebb and flood '.repeat(16) });
  const [reads, writes] = await Promise.all([
    callAtRate({ seconds: SECONDS, perSecond: READS_A_SECOND }, () => target.call('GET', link())),
    callAtRate({ seconds: SECONDS, perSecond: WRITES_A_SECOND }, () => target.call('PUT', link(), { body })),
  ]);
  return { reads, writes };
}

/** The last backup is waited for, so that what follows is alone. */
async function duringBackups<T>({ services, archives }: MeasuredSystem, work: () => Promise<T>) {
  const over = new AbortController();
  const backups = repeated(services.client, `file:${archives}/beside.zip`, over.signal);
  const [result, count] = await Promise.all([work().finally(() => over.abort()), backups]);
  return { result, backups: count };
}

async function repeated(client: SystemClient, destination: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count++) await endedWell(client.backup(destination));
  return count;
}

/** Quantiles of all rounds together; the ratio by round. */
function tableOf(figures: readonly Round[], versions: number): Table {
  const rows = (['reads', 'writes'] as const).flatMap((kind) =>
    [0.5, 0.99].map((share) => {
      const of = (which: 'alone' | 'during'): string =>
        quantile(
          figures.flatMap((round) => round[which][kind]),
          share,
        ).toFixed(2);
      const byRound = figures.map(({ alone, during }) => quantile(during[kind], share) / quantile(alone[kind], share));
      return [`${kind}, p${share * 100}`, of('alone'), of('during'), spread(byRound)];
    }),
  );
  const rate = `${READS_A_SECOND} reads and ${WRITES_A_SECOND} writes a second`;
  const backups = figures.reduce((sum, round) => sum + round.backups, 0);
  return {
    title: `${rate} in an index of ${versions} versions, ms; ${backups} backups in ${figures.length * SECONDS} s`,
    head: ['', 'alone', 'during backups', 'ratio (least to most)'],
    rows,
  };
}
