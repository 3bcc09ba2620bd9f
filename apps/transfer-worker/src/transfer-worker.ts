import { randomUUID } from 'node:crypto';

import { UNOBSERVED, type Steps } from '@tidemark/contracts';
import { createDestinationPolicy } from '@tidemark/destinations';
import type { Messaging } from '@tidemark/messaging';
import { createHttpApplication, listen, startQueues, type OnStop } from '@tidemark/nest';
import { createMetrics, Loop, RateLimit, type Logger } from '@tidemark/platform';

import { JobRunner, type HttpSettings } from './attempt/job-runner.js';
import { GatewayClient } from './clients/gateway-client.js';
import type { TransferWorkerSettings } from './config.js';
import { SpoolFolder } from './spool.js';
import { TransferWorkerModule } from './transfer-worker.module.js';

const SWEEP_MILLIS = 10_000;

/** Takes doorbells off the queues and runs their jobs; registers how each piece is stopped. Health is served at `url`. */
export async function startTransferWorker(
  settings: TransferWorkerSettings,
  { log, messaging, onStop, steps = UNOBSERVED }: { log: Logger; messaging: Messaging; onStop: OnStop; steps?: Steps },
): Promise<{ readonly url: string }> {
  const spool = new SpoolFolder(settings.TIDEMARK_SPOOL);
  await spool.prepare();
  const gateway = new GatewayClient(settings.TIDEMARK_GATEWAY_URL, { token: settings.TIDEMARK_WORKER_TOKEN, log });
  const runner = new JobRunner({
    worker: `worker-${randomUUID()}`,
    gateway,
    messaging,
    policy: createDestinationPolicy({
      fileRoots: settings.TIDEMARK_FILE_ROOTS,
      httpAllow: settings.TIDEMARK_HTTP_ALLOW,
      httpAllowPrivate: settings.TIDEMARK_HTTP_ALLOW_PRIVATE,
    }),
    spool,
    http: httpSettings(settings),
    backupLimit: backupLimit(settings),
    parallelism: settings.TIDEMARK_PARALLELISM,
    steps,
    log,
  });
  const sweep = new Loop({ name: 'the sweep of the spool', everyMillis: SWEEP_MILLIS, log }, async (signal) => {
    await spool.removeEnded((jobIds) => gateway.ended(jobIds, signal));
  });
  sweep.start();
  onStop('sweep of the spool', () => sweep.stop());
  const metrics = createMetrics('transfer-worker');
  const app = await createHttpApplication(TransferWorkerModule.register({ messaging, runner, steps, metrics, log }), {
    log,
    metrics,
  });
  onStop('http and queues', () => app.close());
  onStop('attempts', () => runner.stop());
  const url = await listen(app, { host: settings.HOST, port: settings.PORT, setting: 'PORT' });
  await startQueues(app);
  const { TIDEMARK_BACKUP_BYTES_PER_SECOND: backupBytesPerSecond } = settings;
  log.info({ url, ...(backupBytesPerSecond ? { backupBytesPerSecond } : {}) }, 'transfer-worker is ready');
  return { url };
}

function backupLimit({ TIDEMARK_BACKUP_BYTES_PER_SECOND: bytes }: TransferWorkerSettings): RateLimit | undefined {
  return bytes === undefined ? undefined : new RateLimit(bytes);
}

function httpSettings(settings: TransferWorkerSettings): HttpSettings {
  const silenceMillis = 1000 * settings.TIDEMARK_HTTP_SILENCE_SECONDS;
  return {
    limits: {
      chunkBytes: settings.TIDEMARK_CHUNK_BYTES,
      inFlight: settings.TIDEMARK_CHUNKS_IN_FLIGHT,
      patience: { silenceMillis },
    },
    readBack: settings.TIDEMARK_HTTP_READ_BACK === 'sample' ? 'SAMPLE' : 'ALL',
    silenceMillis,
  };
}
