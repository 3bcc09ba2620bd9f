import { join } from 'node:path';

import type { RunningServices } from './system.js';
import { TestProcess } from './test-process.js';

/** A worker beside those of a system, with a spool of its own name; not started, and for the caller to stop. */
export function anotherWorker(
  { services, internalUrls, archives, home }: RunningServices,
  { spool, ...settings }: { readonly spool: string } & Readonly<Record<string, string>>,
): TestProcess {
  return new TestProcess({
    app: 'transfer-worker',
    settings: {
      HOST: '127.0.0.1',
      PORT: '0',
      DATABASE_URL: '',
      AMQP_URL: services.amqpUrl,
      TIDEMARK_QUEUE_PREFIX: services.queuePrefix,
      TIDEMARK_GATEWAY_URL: internalUrls[0] ?? '',
      TIDEMARK_FILE_ROOTS: archives,
      TIDEMARK_SPOOL: join(home, spool),
      ...settings,
    },
  });
}
