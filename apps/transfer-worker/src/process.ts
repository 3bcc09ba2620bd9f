import { UNOBSERVED, type Steps } from '@tidemark/contracts';
import { connectToRabbitMq, createMessaging } from '@tidemark/messaging';
import { runUntilSignalled } from '@tidemark/nest';
import { createLogger, systemClock } from '@tidemark/platform';

import { readTransferWorkerSettings } from './config.js';
import { startTransferWorker } from './transfer-worker.js';

/** The transfer-worker as a process of its own, until it is told to stop. */
export async function runTransferWorker(steps: Steps = UNOBSERVED): Promise<void> {
  await runUntilSignalled({
    service: 'transfer-worker',
    start: async (onStop) => {
      const settings = readTransferWorkerSettings();
      const log = createLogger({ service: 'transfer-worker', level: settings.TIDEMARK_LOG_LEVEL });
      const broker = connectToRabbitMq({ url: settings.AMQP_URL, prefix: settings.TIDEMARK_QUEUE_PREFIX, log });
      const messaging = createMessaging(broker, { log, clock: systemClock });
      onStop('messaging', () => messaging.close());
      const { url } = await startTransferWorker(settings, { log, onStop, messaging, steps });
      process.stdout.write(`Tidemark transfer-worker is ready at ${url}\n`);
    },
  });
}
