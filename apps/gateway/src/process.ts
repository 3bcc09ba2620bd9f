import { UNOBSERVED, type Steps } from '@tidemark/contracts';
import { connectToRabbitMq, createMessaging } from '@tidemark/messaging';
import { runUntilSignalled } from '@tidemark/nest';
import { createLogger, systemClock } from '@tidemark/platform';

import { readGatewaySettings } from './config.js';
import { startGateway } from './gateway.js';

/** The gateway as a process of its own, until it is told to stop. */
export async function runGateway(steps: Steps = UNOBSERVED): Promise<void> {
  await runUntilSignalled({
    service: 'gateway',
    start: async (onStop) => {
      const settings = readGatewaySettings();
      const log = createLogger({ service: 'gateway', level: settings.TIDEMARK_LOG_LEVEL });
      const broker = connectToRabbitMq({ url: settings.AMQP_URL, prefix: settings.TIDEMARK_QUEUE_PREFIX, log });
      const messaging = createMessaging(broker, { log, clock: systemClock });
      onStop('messaging', () => messaging.close());
      const { url } = await startGateway(settings, { log, onStop, messaging, steps });
      process.stdout.write(`Tidemark gateway is ready at ${url}\n`);
    },
  });
}
