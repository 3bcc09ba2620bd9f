import { gatewayGrant } from '@tidemark/testing';

import { bulkOperations } from './bulk-operations.ts';
import { callFor, HttpTarget } from './callers.ts';
import { median, percent } from './figures.ts';
import { anyLink, seeded, seededHistory } from './histories.ts';
import { listingOperations, writeListing } from './listing-operations.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { BenchOptions } from './options.ts';
import { pointReads } from './point-reads.ts';
import { interleaved, type Measured, type Operation } from './rounds.ts';
import { timeToRun } from './time-to-run.ts';
import { callsTable, documentsTable, type Findings, type Table } from './table.ts';
import type { Workplace } from './workplace.ts';

const SECONDS = 1;
const CALLERS = [1, 8];

/** What a job waits until it runs, single documents and the hops on their way, bulk writes, pages. */
export async function smallOperations(workplace: Workplace, { versions, rounds }: BenchOptions): Promise<Findings> {
  const { say, signal } = workplace;
  const archive = await workplace.archiveOf(seededHistory(versions));
  return await workplace.withSystem({}, async (system) => {
    const waits = await timeToRun(system);
    say('it is known how long a job waits until it runs');
    await system.fill(archive);
    const next = await writeListing(system);
    const measure = (operations: readonly Operation[]): Promise<Measured[]> =>
      interleaved(operations, { rounds, system, say, signal });
    const hops = hopsOf(system, versions);
    try {
      await hops.warmUp();
      const single = await measure(hops.operations);
      const bulk = await measure(bulkOperations(system));
      const pages = await measure(listingOperations(hops.gateway, next));
      const tables = [
        waits.table,
        callsTable(`Single documents, of an index of ${versions} versions`, single),
        shareTable(single),
        documentsTable('Bulk writes of documents of 100 bytes', bulk),
        callsTable('Pages of 10 links', pages),
      ];
      return { tables, figures: { waits: waits.figures, single, bulk, pages } };
    } finally {
      await hops.close();
    }
  });
}

/** The same calls at every hop. */
function hopsOf({ services }: MeasuredSystem, versions: number) {
  const gateway = new HttpTarget(services.url);
  const index = new HttpTarget(services.indexServices[0]?.url ?? '', gatewayGrant(services.services));
  const rows = pointReads(services.databaseUrl);
  const next = seeded(2);
  const link = (): string => anyLink(versions, next);
  const hops = [
    { what: 'read', hop: 'gateway', call: () => gateway.call('GET', link()) },
    { what: 'read', hop: 'index-service', call: () => index.call('GET', `/documents${link()}`) },
    { what: 'read', hop: 'SQL', call: (caller: number) => rows.read(caller, link()) },
    { what: 'write', hop: 'gateway', call: () => gateway.call('PUT', link(), { body: bodyOf(next) }) },
    {
      what: 'write',
      hop: 'index-service',
      call: () => index.call('PUT', `/documents${link()}`, { body: bodyOf(next) }),
    },
  ];
  const operations = CALLERS.flatMap((callers) =>
    hops.map(({ what, hop, call }): Operation => ({
      name: nameOf(what, hop, callers),
      run: async () => ({ calls: await callFor(SECONDS, callers, call) }),
    })),
  );
  // Nobody's first calls, which are translated as they come, are measured.
  const warmUp = async (): Promise<void> => {
    for (const { call } of hops) await callFor(SECONDS, 2, call);
  };
  const close = async (): Promise<void> => {
    gateway.close();
    index.close();
    await rows.close();
  };
  return { gateway, operations, warmUp, close };
}

function nameOf(what: string, hop: string, callers: number): string {
  return `${what}, ${hop}, ${callers === 1 ? '1 caller' : `${callers} callers`}`;
}

function bodyOf(next: () => number): string {
  return JSON.stringify({ height: next(), text: 'ebb and flood '.repeat(16) });
}

/** Of the time of a call by one caller: what is gone without the hop before. */
function shareTable(single: readonly Measured[]): Table {
  const millis = (what: string, hop: string): number => {
    const found = single.find(({ operation: { name } }) => name === nameOf(what, hop, 1));
    return median((found?.samples ?? []).flatMap(({ calls }) => calls?.p50Millis ?? []));
  };
  const rows = ['read', 'write'].map((what) => {
    const [all, index, sql] = ['gateway', 'index-service', 'SQL'].map((hop) => millis(what, hop)) as [
      number,
      number,
      number,
    ];
    const known = Number.isNaN(sql)
      ? ['', percent(index / all, 0)]
      : [percent(sql / all, 0), percent((index - sql) / all, 0)];
    return [what, `${all.toFixed(2)} ms`, percent((all - index) / all, 0), ...known.toReversed()];
  });
  return { title: 'Share of each hop, 1 caller', head: ['', 'p50', 'gateway', 'index-service', 'SQL'], rows };
}
