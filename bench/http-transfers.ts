import type { Job } from '@tidemark/testing';

import type { MeasuredSystem } from './measured-system.ts';
import { interleaved, type Measured, type Operation } from './rounds.ts';
import { seededHistory } from './seeded-history.ts';

interface SubjectOptions {
  readonly versions: number;
  readonly rounds: number;
  readonly system: MeasuredSystem;
}

/** The archive that is restored from, which is made once, and what was measured with it. */
export interface HttpTransfers {
  readonly documents: number;
  readonly versions: number;
  readonly archiveBytes: number;
  readonly archiveParts: number;
  readonly measured: readonly Measured[];
}

const SHARES = [0.1, 0.5, 0.9];

/** Backups to a file and to the depot, restores from both, and restores from the depot to moments of the history. */
export async function httpTransfers(
  { versions, rounds, system }: SubjectOptions,
  say: (line: string) => void,
): Promise<HttpTransfers> {
  const moments = await load(system, versions);
  say(`${versions} versions are written`);
  const places = placesOf(system);
  const archive = await makeArchives(system, places);
  const operations = operationsOf(system, { places, moments });
  const measured = await interleaved(operations, { rounds, system }, say);
  return { ...archive, measured };
}

type Places = ReturnType<typeof placesOf>;

/** Restores read what was made from the index as it was written; every round's backups go elsewhere. */
function placesOf({ services, depotUrl, proxy }: MeasuredSystem) {
  return {
    fromFile: `file:${services.archives}/history.zip`,
    fromDepot: `${depotUrl}/archives/history.zip`,
    counted: `${proxy.url}/archives/history.zip`,
    toFile: `file:${services.archives}/round.zip`,
    toDepot: `${depotUrl}/archives/round.zip`,
  };
}

/** Resolves with the last moment of each of {@link SHARES}. */
async function load({ services }: MeasuredSystem, versions: number): Promise<Map<number, number>> {
  const moments = new Map<number, number>();
  for (const { share, documents } of seededHistory(versions)) {
    const { lastUpdateTimeMicros } = await services.client.bulk(documents);
    if (SHARES.includes(share)) moments.set(share, Number(lastUpdateTimeMicros));
  }
  return moments;
}

/** Ends with a restore, so that every round begins with an index that came out of one. */
async function makeArchives({ services: { client } }: MeasuredSystem, { fromFile, fromDepot }: Places) {
  await done(client.backup(fromFile));
  const { result } = await done(client.backup(fromDepot));
  await done(client.restore(fromDepot));
  if (!result || !('archive' in result)) throw new Error('a backup has no result');
  const { documents, versions, archive } = result;
  return { documents, versions, archiveBytes: archive.bytes, archiveParts: archive.parts };
}

/** The last of them leaves the whole index behind. */
function operationsOf(
  { services: { client }, proxy }: MeasuredSystem,
  { places, moments }: { places: Places; moments: ReadonlyMap<number, number> },
): Operation[] {
  const counted = async (fields = {}): Promise<number> => {
    const { fetched } = await proxy.during(() => done(client.restore(places.counted, fields)));
    return fetched.bytes;
  };
  const plain = async (job: Promise<{ body: Job }>): Promise<undefined> => {
    await done(job);
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

async function done(request: Promise<{ body: Job }>): Promise<Job> {
  const { body } = await request;
  if (body.state !== 'SUCCEEDED') throw new Error(`a job has not succeeded: ${JSON.stringify(body)}`);
  return body;
}
