import { z } from 'zod';

import { serviceToken } from '@tidemark/nest';
import {
  amqpUrl,
  commaList,
  logLevel,
  optionalWholeNumber,
  parallelism,
  port,
  queuePrefix,
  readConfig,
  seconds,
  wholeNumber,
} from '@tidemark/platform';

export const transferWorkerSettings = z.object({
  HOST: z.string().default('127.0.0.1'),
  /** Only health and metrics are served there. */
  PORT: port(8083),
  TIDEMARK_GATEWAY_URL: z.url('the URL of the gateway’s internal port is wanted'),
  /** One of the gateway's TIDEMARK_WORKER_TOKENS, where it has any. */
  TIDEMARK_WORKER_TOKEN: serviceToken,
  /** A folder of this worker alone; what lies in it at the start is of dead attempts and is removed. */
  TIDEMARK_SPOOL: z.string('a folder for parts too large for memory is wanted'),
  TIDEMARK_FILE_ROOTS: commaList(['/var/backup']),
  TIDEMARK_HTTP_ALLOW: commaList(),
  TIDEMARK_HTTP_ALLOW_PRIVATE: commaList(),
  /** Of one PUT to a destination over HTTP. */
  TIDEMARK_CHUNK_BYTES: wholeNumber(8 * 1024 * 1024, { min: 64 * 1024, max: 64 * 1024 * 1024 }),
  /** PUTs under way at once; 1 for servers that want every chunk behind the one before it. */
  TIDEMARK_CHUNKS_IN_FLIGHT: wholeNumber(3, { min: 1, max: 16 }),
  /** Without a byte in either direction, until a request to a destination over HTTP is given up and made again. */
  TIDEMARK_HTTP_SILENCE_SECONDS: seconds(30, { min: 0.1, max: 600 }),
  /** What of an uploaded archive is read back before its job succeeds. */
  TIDEMARK_HTTP_READ_BACK: z.enum(['all', 'sample'], 'must be all or sample').default('all'),
  /** What this worker's backups move at most, in each of their phases; restores know no bound. */
  TIDEMARK_BACKUP_BYTES_PER_SECOND: optionalWholeNumber({ min: 64 * 1024 }),
  TIDEMARK_PARALLELISM: parallelism,
  TIDEMARK_LOG_LEVEL: logLevel,
});
export type TransferWorkerSettings = z.infer<typeof transferWorkerSettings>;

/** What a worker in a process of its own needs besides; in standalone messages stay in the process. */
export const workerProcessSettings = transferWorkerSettings.extend({
  AMQP_URL: amqpUrl,
  TIDEMARK_QUEUE_PREFIX: queuePrefix,
});

export function readTransferWorkerSettings(): z.infer<typeof workerProcessSettings> {
  return readConfig(workerProcessSettings);
}
