import { runUntilSignalled } from '@tidemark/nest';
import { createLogger } from '@tidemark/platform';

import { readIndexServiceSettings } from './config.js';
import { startIndexService } from './index-service.js';

await runUntilSignalled({
  service: 'index-service',
  start: async (onStop) => {
    const settings = readIndexServiceSettings();
    const log = createLogger({ service: 'index-service', level: settings.TIDEMARK_LOG_LEVEL });
    const { url } = await startIndexService(settings, { log, onStop });
    process.stdout.write(`Tidemark index-service is ready at ${url}\n`);
  },
});
