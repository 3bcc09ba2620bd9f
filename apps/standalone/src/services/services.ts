import { join } from 'node:path';

import { newGrantKeys } from '@tidemark/contracts';
import { findRabbitMq, LocalServiceError, startRabbitMq } from '@tidemark/local-services';
import type { OnStop } from '@tidemark/nest';
import { ConfigError, ensureFolder, type Environment, type Logger } from '@tidemark/platform';

import { provideDatabase } from '../database.js';
import { allowedDestinations, DEPOT_PORT_SETTING, depotSettings, wantsDepot } from '../depot.js';
import { findPort } from '../port-check.js';
import { provideSecretKey } from '../secret-key.js';
import { throwNaming, type Standalone } from '../standalone.js';
import { newWorkerToken } from '../worker-token.js';
import { withoutSettings } from '../without-settings.js';
import { prefixOf, type ServicesSettings } from './config.js';
import { startService, type ServiceProcess } from './service-process.js';

export interface Services extends Standalone {
  /** For a person: which broker it is. */
  readonly broker: string;
  readonly processes: readonly ServiceProcess[];
}

interface Context {
  readonly log: Logger;
  readonly onStop: OnStop;
}

/** Each service in a process of its own, with a PostgreSQL and a RabbitMQ that are given, found or started. */
export async function startServices(settings: ServicesSettings, context: Context): Promise<Services> {
  const ports = await findPorts(settings);
  const databaseUrl = await provideDatabase(settings, context).catch(throwNaming(settings));
  await ensureFolder(settings.TIDEMARK_HOME).catch(throwNaming(settings));
  const broker = await provideBroker(settings, context);
  const depot = await startDepot(settings, { port: ports.depot, onStop: context.onStop });
  const gatewayUrl = `http://127.0.0.1:${ports.internal}`;
  const indexUrl = `http://127.0.0.1:${ports.index}`;
  const common = { ...commonSettings(settings), ...broker.settings, ...allowedDestinations(settings, depot?.url) };
  const start = (name: string, own: Environment): Promise<ServiceProcess> =>
    startService({ name, settings: { ...common, ...own }, onStop: context.onStop });

  const keys = newGrantKeys();
  const workerToken = newWorkerToken();
  const index = await start('index-service', {
    PORT: String(ports.index),
    DATABASE_URL: databaseUrl,
    AMQP_URL: '',
    TIDEMARK_SECRET_KEY: '',
    TIDEMARK_API_TOKENS: '',
    TIDEMARK_GRANT_KEY: keys.publicKey,
  });
  const gateway = await start('gateway', {
    HOST: settings.HOST,
    PORT: String(ports.gateway),
    DATABASE_URL: databaseUrl,
    TIDEMARK_INDEX_URL: indexUrl,
    TIDEMARK_INTERNAL_HOST: '127.0.0.1',
    TIDEMARK_INTERNAL_PORT: String(ports.internal),
    TIDEMARK_WORKER_TOKENS: workerToken,
    TIDEMARK_GRANT_KEY: keys.privateKey,
    TIDEMARK_SECRET_KEY: settings.TIDEMARK_SECRET_KEY ?? (await provideSecretKey(settings.TIDEMARK_HOME)),
  });
  const worker = await start('transfer-worker', {
    PORT: String(ports.worker),
    DATABASE_URL: '',
    TIDEMARK_GRANT_KEY: '',
    TIDEMARK_SECRET_KEY: '',
    TIDEMARK_API_TOKENS: '',
    TIDEMARK_GATEWAY_URL: gatewayUrl,
    TIDEMARK_WORKER_TOKEN: workerToken,
    TIDEMARK_SPOOL: join(settings.TIDEMARK_HOME, 'spool'),
  });
  const processes = [gateway, index, worker, ...(depot ? [depot] : [])];
  return { url: gateway.url, depotUrl: depot?.url, broker: broker.line, processes };
}

/** Without the tokens that only one of the services is given. */
function commonSettings(settings: ServicesSettings): Environment {
  return {
    ...settings.environment,
    HOST: '127.0.0.1',
    TIDEMARK_FILE_ROOTS: settings.TIDEMARK_FILE_ROOTS.join(','),
    TIDEMARK_DEPOT_TOKENS: '',
    TIDEMARK_WORKER_TOKENS: '',
    TIDEMARK_LOG_LEVEL: settings.TIDEMARK_LOG_LEVEL,
  };
}

async function startDepot(
  settings: ServicesSettings,
  { port, onStop }: { port: number; onStop: OnStop },
): Promise<ServiceProcess | undefined> {
  if (!wantsDepot(settings)) return undefined;
  const own = { ...withoutSettings(settings.environment), ...depotSettings(settings, port) };
  return await startService({ name: 'archive-depot', settings: own, onStop });
}

/** Before anything is started that would have to be stopped again; 0 is any port that is free. */
async function findPorts(
  settings: ServicesSettings,
): Promise<Record<'gateway' | 'internal' | 'index' | 'worker' | 'depot', number>> {
  const { HOST, PORT, TIDEMARK_INTERNAL_PORT, TIDEMARK_INDEX_PORT, TIDEMARK_WORKER_PORT } = settings;
  const local = (port: number, setting: string): Promise<number> => findPort({ host: '127.0.0.1', port, setting });
  const [gateway, internal, index, worker, depot] = await Promise.all([
    findPort({ host: HOST, port: PORT, setting: 'PORT' }),
    local(TIDEMARK_INTERNAL_PORT, 'TIDEMARK_INTERNAL_PORT'),
    local(TIDEMARK_INDEX_PORT, 'TIDEMARK_INDEX_PORT'),
    local(TIDEMARK_WORKER_PORT, 'TIDEMARK_WORKER_PORT'),
    wantsDepot(settings) ? local(settings.TIDEMARK_DEPOT_PORT, DEPOT_PORT_SETTING) : 0,
  ]);
  return { gateway, internal, index, worker, depot };
}

async function provideBroker(
  settings: ServicesSettings,
  { log, onStop }: Context,
): Promise<{ line: string; settings: Environment }> {
  const broker = await findRabbitMq({
    setting: settings.AMQP_URL,
    settingName: 'AMQP_URL',
    start: () => startRabbitMq({ folder: join(settings.TIDEMARK_HOME, 'rabbitmq'), log }),
  }).catch((error: unknown) => {
    throw error instanceof LocalServiceError ? new ConfigError(error.message, { cause: error }) : error;
  });
  onStop('RabbitMQ', () => broker.stop());
  void broker.started?.exited.then(({ expected, lastLines }) => {
    if (expected) return;
    log.fatal({ lastLines }, 'RabbitMQ ended by itself; no job is lost, start again');
    process.exit(1);
  });
  const prefix = settings.TIDEMARK_QUEUE_PREFIX ?? (broker.how === 'found' ? prefixOf(settings) : undefined);
  return {
    line: broker.line,
    settings: { AMQP_URL: broker.url, ...(prefix ? { TIDEMARK_QUEUE_PREFIX: prefix } : {}) },
  };
}
