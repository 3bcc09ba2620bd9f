import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findPostgres, findRabbitMq } from '@tidemark/local-services';
import { environment } from '@tidemark/platform';
import { CountingProxy, query, startServices, TestProcess, type RunningServices } from '@tidemark/testing';

/** A process for each service, and a depot, of this bench alone. */
export interface MeasuredSystem {
  readonly services: RunningServices;
  readonly processes: Readonly<Record<string, TestProcess>>;
  readonly depotUrl: string;
  /** A way to the depot. */
  readonly proxy: CountingProxy;
  /** Of PostgreSQL. */
  readonly serverVersion: string;
  /** Ends and removes everything. */
  remove(): Promise<void>;
}

/** Finds or starts PostgreSQL and RabbitMQ, and starts the rest over them. Tells what it took. */
export async function startMeasuredSystem(say: (line: string) => void): Promise<MeasuredSystem> {
  const removals: (() => Promise<unknown>)[] = [];
  const remove = async (): Promise<void> => {
    for (const each of removals.splice(0).reverse()) await each();
  };
  try {
    const { TIDEMARK_TEST_POSTGRES, TIDEMARK_TEST_RABBITMQ } = environment();
    const postgres = await findPostgres({ setting: TIDEMARK_TEST_POSTGRES });
    removals.push(() => postgres.stop());
    const rabbitMq = await findRabbitMq({ setting: TIDEMARK_TEST_RABBITMQ });
    removals.push(() => rabbitMq.stop());
    say(`${postgres.line}\n${rabbitMq.line}`);

    const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
    removals.push(() => rm(folder, { recursive: true }));
    await chmod(folder, 0o700);
    const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder };
    const depot = await new TestProcess({ app: 'archive-depot', settings }).start();
    removals.push(() => depot.stop());
    const proxy = await CountingProxy.open(depot.url);
    removals.push(() => proxy.close());
    const services = await startServices({
      postgresUrl: postgres.url,
      amqpUrl: rabbitMq.url,
      settings: {
        TIDEMARK_HTTP_ALLOW: `${depot.url}/archives, ${proxy.url}/archives`,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      },
    });
    removals.push(() => services.remove());
    const processes = Object.fromEntries([...services.processes, depot].map((process) => [process.app, process]));
    const serverVersion = await versionOf(services);
    return { services, processes, depotUrl: depot.url, proxy, serverVersion, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function versionOf({ databaseUrl }: RunningServices): Promise<string> {
  const [row] = await query<{ version: string }>(databaseUrl, `SELECT current_setting('server_version') AS version`);
  return row?.version ?? '';
}
