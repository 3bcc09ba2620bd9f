import {
  CountingProxy,
  query,
  startServices,
  TestProcess,
  type RunningServices,
  type ServiceCounts,
} from '@tidemark/testing';

import { endedWell } from './jobs.ts';
import type { KeptArchive } from './workplace.ts';

/** How a system differs from the usual one: a process for each service, with the settings as they are. */
export interface SystemOptions {
  readonly counts?: ServiceCounts;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A process for each service, and a depot, of this bench alone. */
export interface MeasuredSystem {
  readonly services: RunningServices;
  /** By the name of their app; the second of a kind is "<app> 2". */
  readonly processes: Readonly<Record<string, TestProcess>>;
  /** A folder that archives may go to, the same for every system. */
  readonly archives: string;
  readonly depotUrl: string;
  /** A way to the depot. */
  readonly proxy: CountingProxy;
  /** Makes the index what an archive holds. */
  fill(archive: KeptArchive): Promise<void>;
  /** Ends and removes everything. */
  remove(): Promise<void>;
}

interface Servers {
  readonly postgresUrl: string;
  readonly amqpUrl: string;
  readonly archives: string;
  readonly depotFolder: string;
}

export async function startMeasuredSystem(options: SystemOptions & Servers): Promise<MeasuredSystem> {
  const { archives, depotFolder, postgresUrl, amqpUrl, counts = {} } = options;
  const removals: (() => Promise<unknown>)[] = [];
  const remove = async (): Promise<void> => {
    for (const each of removals.splice(0).reverse()) await each();
  };
  try {
    const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: depotFolder };
    const depot = await new TestProcess({ app: 'archive-depot', settings }).start();
    removals.push(() => depot.stop());
    const proxy = await CountingProxy.open(depot.url);
    removals.push(() => proxy.close());
    const services = await startServices({
      postgresUrl,
      amqpUrl,
      counts,
      settings: {
        TIDEMARK_FILE_ROOTS: archives,
        TIDEMARK_HTTP_ALLOW: `${depot.url}/archives, ${proxy.url}/archives`,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
        ...options.settings,
      },
    });
    removals.push(() => services.remove());
    const processes = byName([...services.processes, depot]);
    const fill = async ({ destination }: KeptArchive): Promise<void> => {
      await endedWell(services.client.restore(destination));
    };
    return { services, processes, archives, depotUrl: depot.url, proxy, fill, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Number of the generation that is live now; its schema is `index_<number>`. */
export async function liveGeneration({ services }: MeasuredSystem): Promise<string> {
  const [row] = await query<{ live: string }>(
    services.databaseUrl,
    'SELECT live_generation AS live FROM catalog.index',
  );
  if (!row) throw new Error('there is no index');
  return row.live;
}

function byName(processes: readonly TestProcess[]): Record<string, TestProcess> {
  const named: Record<string, TestProcess> = {};
  for (const process of processes) {
    const same = processes.filter(({ app }) => app === process.app).indexOf(process);
    named[same === 0 ? process.app : `${process.app} ${same + 1}`] = process;
  }
  return named;
}
