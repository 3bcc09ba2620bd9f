import { query, startServices, type RunningServices, type ServiceCounts, type TestProcess } from '@tidemark/testing';

import { endedWell } from './jobs.ts';
import type { KeptArchive } from './kept-archive.ts';

/** How a system differs from the usual one: a process for each service, with the settings as they are. */
export interface SystemOptions {
  readonly counts?: ServiceCounts;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A process for each service, of this bench alone. */
export interface MeasuredSystem {
  readonly services: RunningServices;
  /** What is measured of it, by the name of the app; the second of a kind is "<app> 2". */
  readonly processes: Readonly<Record<string, TestProcess>>;
  /** A folder that archives may go to, the same for every system. */
  readonly archives: string;
  /** Makes the index what an archive holds, and backs it up once: nobody's first job is measured. */
  fill(archive: KeptArchive): Promise<void>;
  /** Ends and removes everything. */
  remove(): Promise<void>;
}

interface Servers {
  readonly postgresUrl: string;
  readonly amqpUrl: string;
  readonly archives: string;
}

export async function startMeasuredSystem(options: SystemOptions & Servers): Promise<MeasuredSystem> {
  const { archives, postgresUrl, amqpUrl, counts = {} } = options;
  const settings = { TIDEMARK_FILE_ROOTS: archives, ...options.settings };
  const services = await startServices({ postgresUrl, amqpUrl, counts, settings });
  return {
    services,
    processes: byName(services.processes),
    archives,
    fill: async ({ destination }) => {
      await endedWell(services.client.restore(destination));
      await endedWell(services.client.backup(`file:${archives}/first.zip`));
    },
    remove: () => services.remove(),
  };
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
