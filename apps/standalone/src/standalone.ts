import { join } from 'node:path';

import { newGrantKeys } from '@tidemark/contracts';
import { gatewaySettings, startGateway } from '@tidemark/gateway';
import { indexServiceSettings, startIndexService } from '@tidemark/index-service';
import { createMessaging, InProcessBroker } from '@tidemark/messaging';
import type { OnStop } from '@tidemark/nest';
import { ConfigError, ensureFolder, readConfig, systemClock, type Logger } from '@tidemark/platform';
import { startTransferWorker, transferWorkerSettings } from '@tidemark/transfer-worker';

import type { StandaloneSettings } from './config.js';
import { provideDatabase } from './database.js';
import { allowedDestinations, DEPOT_PORT_SETTING, startOwnDepot, wantsDepot } from './depot.js';
import { findPort } from './port-check.js';
import { provideSecretKey } from './secret-key.js';
import { newWorkerToken } from './worker-token.js';

export interface Standalone {
  readonly url: string;
  /** Undefined where there is none. */
  readonly depotUrl: string | undefined;
}

/** Less than what stopping may take in all. */
const LAST_REPORTS_MILLIS = 5_000;

/** Everything in one process: the same apps and the same HTTP between them as apart, doorbells within the process. */
export async function startStandalone(
  settings: StandaloneSettings,
  { log, onStop }: { log: Logger; onStop: OnStop },
): Promise<Standalone> {
  await findPorts(settings);
  const databaseUrl = await provideDatabase(settings, { log, onStop }).catch(throwNaming(settings));
  await ensureFolder(settings.TIDEMARK_HOME).catch(throwNaming(settings));
  const secretKey =
    settings.TIDEMARK_SECRET_KEY ?? (await provideSecretKey(settings.TIDEMARK_HOME).catch(throwNaming(settings)));
  const broker = new InProcessBroker();
  const messaging = createMessaging(broker.connect(), { log, clock: systemClock });
  onStop('messaging', () => messaging.close());
  const shared = { ...settings.environment, DATABASE_URL: databaseUrl };
  const depotUrl = await startOwnDepot(settings, { log, onStop });
  const inside = { ...shared, HOST: '127.0.0.1', PORT: '0' };
  const keys = newGrantKeys();
  const workerToken = newWorkerToken();

  const indexSettings = readConfig(indexServiceSettings, { ...inside, TIDEMARK_GRANT_KEY: keys.publicKey });
  const index = await startIndexService(indexSettings, { log, onStop });
  const allowed = {
    TIDEMARK_FILE_ROOTS: settings.TIDEMARK_FILE_ROOTS.join(','),
    ...allowedDestinations(settings, depotUrl),
  };
  const gateway = await startGateway(
    readConfig(gatewaySettings, {
      ...shared,
      ...allowed,
      TIDEMARK_INDEX_URL: index.url,
      TIDEMARK_INTERNAL_HOST: '127.0.0.1',
      TIDEMARK_INTERNAL_PORT: '0',
      TIDEMARK_WORKER_TOKENS: workerToken,
      TIDEMARK_GRANT_KEY: keys.privateKey,
      TIDEMARK_SECRET_KEY: secretKey,
    }),
    { log, messaging, onStop },
  );
  // After the worker has stopped and before the gateway does: nobody else would hear of the jobs that it handed back.
  onStop('last reports', () => broker.drained('tidemark.reports', LAST_REPORTS_MILLIS));
  await startTransferWorker(
    readConfig(transferWorkerSettings, {
      ...inside,
      ...allowed,
      TIDEMARK_GATEWAY_URL: gateway.internalUrl,
      TIDEMARK_WORKER_TOKEN: workerToken,
      TIDEMARK_SPOOL: join(settings.TIDEMARK_HOME, 'spool'),
    }),
    { log, messaging, onStop },
  );
  return { url: gateway.url, depotUrl };
}

/** Both at once, so that two settings of one port are noticed. */
async function findPorts(settings: StandaloneSettings): Promise<void> {
  await Promise.all([
    findPort({ host: settings.HOST, port: settings.PORT, setting: 'PORT' }),
    wantsDepot(settings) &&
      findPort({ host: '127.0.0.1', port: settings.TIDEMARK_DEPOT_PORT, setting: DEPOT_PORT_SETTING }),
  ]);
}

/** A system error on the way to the home folder, or in it, is told with the name of the setting. */
export function throwNaming({ TIDEMARK_HOME: home }: StandaloneSettings): (error: unknown) => never {
  return (error) => {
    const { path, message } = error as NodeJS.ErrnoException;
    const isOfHome = path !== undefined && (path.startsWith(home) || home.startsWith(path));
    throw isOfHome ? new ConfigError(`TIDEMARK_HOME: the folder cannot be used: ${message}`, { cause: error }) : error;
  };
}
