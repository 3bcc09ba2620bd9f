import { SystemClient, type ServiceCounts } from '@tidemark/testing';

import { median, spread as spreadOf } from './figures.ts';
import { seededHistory } from './histories.ts';
import { endedWell } from './jobs.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { BenchOptions } from './options.ts';
import { interleaved, ratios, type Measured, type Operation, type Sample } from './rounds.ts';
import type { Findings, Table } from './table.ts';
import type { KeptArchive } from './kept-archive.ts';
import type { Workplace } from './workplace.ts';

const PARTS_AT_ONCE = [1, 2, 4];
const TWO_OF_EACH: ServiceCounts = { gateways: 2, indexServices: 2, workers: 2 };

/** One backup and one restore with more and less parts under way, and two backups over one and two of each service. */
export async function spread(workplace: Workplace, { versions, rounds }: BenchOptions): Promise<Findings> {
  const { say, signal } = workplace;
  const archive = await workplace.archiveOf(seededHistory(versions));
  const variants = [
    ...PARTS_AT_ONCE.map((parts) => ({ settings: { TIDEMARK_PARALLELISM: String(parts) } })),
    {},
    { counts: TWO_OF_EACH },
  ];
  return await withSystems(workplace, variants, async (systems) => {
    for (const system of systems) await system.fill(archive);
    const [usual, pair] = systems.slice(PARTS_AT_ONCE.length) as [MeasuredSystem, MeasuredSystem];
    const byParts = systems
      .slice(0, PARTS_AT_ONCE.length)
      .map((system, n) => oneOf(system, { parts: PARTS_AT_ONCE[n] ?? 0, archive }));
    const operations = [
      ...byParts.map(([backup]) => backup),
      ...byParts.map(([, restore]) => restore),
      twoBackups(usual, TWO_OVER_ONE),
      { ...twoBackups(pair, 'two backups, two of each service'), against: TWO_OVER_ONE },
    ];
    const measured = await interleaved(operations, { rounds, system: usual, say, signal });
    return { tables: [tableOf(measured, archive)], figures: { archive, measured } };
  });
}

const TWO_OVER_ONE = 'two backups, one of each service';

/** All of them run at once; who has nothing to do takes nothing. */
async function withSystems<T>(
  workplace: Workplace,
  [first, ...others]: readonly object[],
  work: (systems: readonly MeasuredSystem[]) => Promise<T>,
): Promise<T> {
  if (!first) return await work([]);
  return await workplace.withSystem(first, (system) =>
    withSystems(workplace, others, (systems) => work([system, ...systems])),
  );
}

function oneOf(
  system: MeasuredSystem,
  { parts, archive }: { parts: number; archive: KeptArchive },
): [backup: Operation, restore: Operation] {
  const { client } = system.services;
  const operation = (kind: string, run: () => Promise<unknown>): Operation => ({
    name: nameOf(kind, parts),
    ...(parts === 1 ? {} : { against: nameOf(kind, 1) }),
    system,
    run: async () => (await run(), {}),
  });
  return [
    operation('backup', () => endedWell(client.backup(`file:${system.archives}/spread.zip`))),
    operation('restore', () => endedWell(client.restore(archive.destination))),
  ];
}

function nameOf(kind: string, parts: number): string {
  return `${kind}, ${parts === 1 ? '1 part' : `${parts} parts`} at once`;
}

/** One by way of each gateway, where there are two. */
function twoBackups(system: MeasuredSystem, name: string): Operation {
  const { gateways } = system.services;
  const clients = [gateways[0], gateways.at(-1)].map((gateway) => new SystemClient(gateway?.url ?? ''));
  return {
    name,
    system,
    run: async () => {
      const backups = clients.map((client, n) => endedWell(client.backup(`file:${system.archives}/spread-${n}.zip`)));
      await Promise.all(backups);
      return {};
    },
  };
}

function tableOf(measured: readonly Measured[], { versions, parts }: KeptArchive): Table {
  const rows = measured.map((each) => {
    const { operation, samples } = each;
    const other = measured.find(({ operation: { name } }) => name === operation.against);
    const postgres = samples.flatMap(({ postgresCpuSeconds }) => postgresCpuSeconds ?? []);
    return [
      operation.name,
      spreadOf(samples.map(({ seconds }) => seconds)),
      other ? spreadOf(ratios(each, other)) : '',
      other ? other.operation.name : '',
      ...['gateway', 'index-service', 'transfer-worker'].map((app) => cpuOf(samples, app)),
      postgres.length === 0 ? '' : median(postgres).toFixed(2),
    ];
  });
  const cpu = ['gateway', 'index-service', 'transfer-worker', 'PostgreSQL'].map((name) => `CPU s ${name}`);
  return {
    title: `${versions} versions, ${parts} parts`,
    head: ['', 'seconds (least to most)', 'ratio (least to most)', 'to', ...cpu],
    rows,
  };
}

/** Of each process of a kind. */
function cpuOf(samples: readonly Sample[], app: string): string {
  const names = [app, `${app} 2`].filter((name) => samples[0]?.cpuSeconds[name] !== undefined);
  return names.map((name) => median(samples.map(({ cpuSeconds }) => cpuSeconds[name] ?? NaN)).toFixed(2)).join(' + ');
}
