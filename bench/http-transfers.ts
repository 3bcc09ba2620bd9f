import type { CountingProxy, Job } from '@tidemark/testing';

import { megabytes } from './figures.ts';
import { seededHistory } from './histories.ts';
import { endedWell } from './jobs.ts';
import type { MeasuredDepot } from './measured-depot.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { BenchOptions } from './options.ts';
import { interleaved, type Noted, type Operation } from './rounds.ts';
import { roundsTable, type Findings } from './table.ts';
import type { Workplace } from './workplace.ts';

const SHARES = [0.1, 0.5, 0.9];

/** Backups to a file and to the depot, restores from both, and restores from the depot to moments of the history. */
export async function httpTransfers(workplace: Workplace, { versions, rounds }: BenchOptions): Promise<Findings> {
  return await withBoth(workplace, async (system, depot) => {
    const moments = await load(system, versions);
    workplace.say(`${versions} versions are written`);
    const places = placesOf(system, depot);
    const archive = await makeArchives(system, places);
    const operations = operationsOf(system, { proxy: depot.proxy, places, moments });
    const { say, signal } = workplace;
    const measured = await interleaved(operations, { rounds, system, say, signal });
    const { documents, archiveBytes, archiveParts } = archive;
    const size = `an archive of ${megabytes(archiveBytes)} MB in ${archiveParts} parts`;
    const title = `${archive.versions} versions of ${documents} documents, ${size}`;
    return { tables: [roundsTable(title, measured, archiveBytes)], figures: { ...archive, measured } };
  });
}

/** The depot is measured with the services. */
async function withBoth<T>(
  workplace: Workplace,
  work: (system: MeasuredSystem, depot: MeasuredDepot) => Promise<T>,
): Promise<T> {
  return await workplace.withDepot((depot) =>
    workplace.withSystem({ settings: depot.settings }, (system) =>
      work({ ...system, processes: { ...system.processes, [depot.process.app]: depot.process } }, depot),
    ),
  );
}

type Places = ReturnType<typeof placesOf>;

/** Restores read what was made from the index as it was written; every round's backups go elsewhere. */
function placesOf({ archives }: MeasuredSystem, { url, proxy }: MeasuredDepot) {
  return {
    fromFile: `file:${archives}/history.zip`,
    fromDepot: `${url}/archives/history.zip`,
    counted: `${proxy.url}/archives/history.zip`,
    toFile: `file:${archives}/round.zip`,
    toDepot: `${url}/archives/round.zip`,
  };
}

/** Resolves with the last moment of each of {@link SHARES}. */
async function load({ services }: MeasuredSystem, versions: number): Promise<Map<number, number>> {
  const moments = new Map<number, number>();
  for (const { share, documents } of seededHistory(versions).writes()) {
    const { lastUpdateTimeMicros } = await services.client.bulk(documents);
    if (SHARES.includes(share)) moments.set(share, Number(lastUpdateTimeMicros));
  }
  return moments;
}

/** Ends with a restore, so that every round begins with an index that came out of one. */
async function makeArchives({ services: { client } }: MeasuredSystem, { fromFile, fromDepot }: Places) {
  await endedWell(client.backup(fromFile));
  const { result } = await endedWell(client.backup(fromDepot));
  await endedWell(client.restore(fromDepot));
  if (!result || !('archive' in result)) throw new Error('a backup has no result');
  const { documents, versions, archive } = result;
  return { documents, versions, archiveBytes: archive.bytes, archiveParts: archive.parts };
}

/** The last of them leaves the whole index behind. */
function operationsOf(
  { services: { client } }: MeasuredSystem,
  { proxy, places, moments }: { proxy: CountingProxy; places: Places; moments: ReadonlyMap<number, number> },
): Operation[] {
  const counted = async (fields = {}): Promise<Noted> => {
    const { fetched } = await proxy.during(() => endedWell(client.restore(places.counted, fields)));
    return { fetchedBytes: fetched.bytes };
  };
  const plain = async (job: Promise<{ body: Job }>): Promise<Noted> => {
    await endedWell(job);
    return {};
  };
  const [fromFile, all] = ['restore from a file', 'restore from the depot, counted'];
  return [
    { name: 'backup to a file', run: () => plain(client.backup(places.toFile)) },
    { name: 'backup to the depot', against: 'backup to a file', run: () => plain(client.backup(places.toDepot)) },
    { name: fromFile, run: () => plain(client.restore(places.fromFile)) },
    { name: 'restore from the depot', against: fromFile, run: () => plain(client.restore(places.fromDepot)) },
    ...[...moments].map(([share, timeSnapshotBoundaryMicros]) => ({
      name: `to ${share * 100} % of the history, counted`,
      against: all,
      run: () => counted({ timeSnapshotBoundaryMicros }),
    })),
    { name: all, run: () => counted() },
  ];
}
