import { runUntilSignalled } from '@tidemark/nest';
import { createLogger } from '@tidemark/platform';

import { connectToBroker } from './broker.js';
import { readGatewaySettings } from './config.js';
import { startGateway } from './gateway.js';

await runUntilSignalled({
  service: 'gateway',
  start: async (onStop) => {
    const settings = readGatewaySettings();
    const log = createLogger({ service: 'gateway', level: settings.TIDEMARK_LOG_LEVEL });
    const messaging = connectToBroker();
    onStop('messaging', () => messaging.close());
    await startGateway(settings, { log, onStop, messaging });
  },
});
