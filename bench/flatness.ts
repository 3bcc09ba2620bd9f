import { callFor, HttpTarget } from './callers.ts';
import { median } from './figures.ts';
import { anyLink, seeded, seededHistory } from './histories.ts';
import { endedWell } from './jobs.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { BenchOptions } from './options.ts';
import { interleaved, type Measured, type Operation } from './rounds.ts';
import type { Findings } from './table.ts';
import type { KeptArchive } from './kept-archive.ts';
import type { Workplace } from './workplace.ts';

const SIZES = [10_000, 100_000, 1_000_000];
const SECONDS = 1;
const BULK_DOCUMENTS = 10_000;
const PAGE = 1000;

/** Of an index of one size. */
type Operations = Readonly<Record<Cost, Operation>>;

type Cost = keyof typeof COSTS;

/** What a run's figure is, by the size of the index. */
const COSTS = {
  read: 'point read, ms',
  write: 'write, ms',
  page: `page of ${PAGE} documents, ms`,
  bulk: 'bulk write, ms per 1000 documents',
  backup: 'backup, ms per 1000 versions',
  restore: 'restore, ms per 1000 versions',
};

/** What each operation costs in small and in large indexes. */
export async function flatness(workplace: Workplace, { sizes = SIZES, rounds }: BenchOptions): Promise<Findings> {
  const { say, signal } = workplace;
  const archives = new Map<number, KeptArchive>();
  for (const size of sizes) archives.set(size, await workplace.archiveOf(seededHistory(size)));
  return await workplace.withSystem({}, async (system) => {
    const gateway = new HttpTarget(system.services.url);
    const cases = [...archives].map(([versions, archive]) => operationsOf(system, { versions, archive, gateway }));
    for (const cost of ORDER) await unmeasured(cases[0]?.[cost]);
    const operations = cases.flatMap((each) => ORDER.map((cost) => each[cost]));
    const measured = await interleaved(operations, { rounds, system, say, signal });
    gateway.close();
    const rows = (Object.keys(COSTS) as Cost[]).map((cost) => [
      COSTS[cost],
      ...cases.map((each) => costOf(measured, each[cost]).toFixed(2)),
    ]);
    const head = ['', ...sizes.map((size) => `${size} versions`)];
    return { tables: [{ title: 'Cost by the size of the index', head, rows }], figures: { sizes, measured } };
  });
}

/** The restore comes first, for it makes the index that the others work on. */
const ORDER: readonly Cost[] = ['restore', 'backup', 'read', 'page', 'write', 'bulk'];

function operationsOf(
  { services: { client }, archives }: MeasuredSystem,
  { versions, archive, gateway }: { versions: number; archive: KeptArchive; gateway: HttpTarget },
): Operations {
  const next = seeded(4);
  let pages: readonly string[] = [];
  const link = (): string => anyLink(versions, next);
  const body = JSON.stringify({ text: 'ebb and flood '.repeat(16) });
  const calls = (cost: Cost, call: () => Promise<unknown>): Operation => ({
    name: `${cost} of ${versions}`,
    run: async () => ({ calls: await callFor(SECONDS, 1, call) }),
  });
  const documents = Array.from(
    { length: BULK_DOCUMENTS },
    (_, n) => [`/flat/${n}`, { n, text: 'tide '.repeat(50) }] as const,
  );
  const all = (cost: Cost, thousands: number, run: () => Promise<unknown>): Operation => ({
    name: `${cost} of ${versions}`,
    run: async () => (await run(), { documents: 1000 * thousands }),
  });
  return {
    read: calls('read', () => gateway.call('GET', link())),
    write: calls('write', () => gateway.call('PUT', link(), { body })),
    page: {
      ...calls('page', () => gateway.call('GET', anyOf(pages, next))),
      prepare: async () => void (pages = await fullPages(gateway)),
    },
    bulk: all('bulk', BULK_DOCUMENTS / 1000, () => client.bulk(documents)),
    backup: all('backup', versions / 1000, () => endedWell(client.backup(`file:${archives}/flat.zip`))),
    restore: all('restore', versions / 1000, () => endedWell(client.restore(archive.destination))),
  };
}

/** Nobody's first calls are measured. */
async function unmeasured(operation: Operation | undefined): Promise<void> {
  await operation?.prepare?.();
  await operation?.run();
}

/** Paths of all pages but the last. */
async function fullPages(gateway: HttpTarget): Promise<string[]> {
  const pages: string[] = [];
  let path: string | undefined = `/core/document-index?documentSelfLink=/bench/*&$limit=${PAGE}`;
  while (path !== undefined) {
    const { nextPageLink } = JSON.parse(await gateway.call('GET', path)) as { nextPageLink?: string };
    if (nextPageLink !== undefined || pages.length === 0) pages.push(path);
    path = nextPageLink;
  }
  return pages;
}

function anyOf(pages: readonly string[], next: () => number): string {
  return pages[Math.floor(next() * pages.length)] ?? '';
}

/** Milliseconds; the median of the rounds. */
function costOf(measured: readonly Measured[], wanted: Operation): number {
  const samples = measured.find(({ operation }) => operation === wanted)?.samples ?? [];
  return median(samples.map(({ calls, documents = NaN, seconds }) => calls?.p50Millis ?? (1e6 * seconds) / documents));
}
