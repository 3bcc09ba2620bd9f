import { UNOBSERVED, type Steps } from '@tidemark/contracts';
import { runUntilSignalled } from '@tidemark/nest';
import { createLogger } from '@tidemark/platform';

import { readIndexServiceSettings } from './config.js';
import { startIndexService } from './index-service.js';

/** The index-service as a process of its own, until it is told to stop. */
export async function runIndexService(steps: Steps = UNOBSERVED): Promise<void> {
  await runUntilSignalled({
    service: 'index-service',
    start: async (onStop) => {
      const settings = readIndexServiceSettings();
      const log = createLogger({ service: 'index-service', level: settings.TIDEMARK_LOG_LEVEL });
      const { url } = await startIndexService(settings, { log, onStop, steps });
      process.stdout.write(`Tidemark index-service is ready at ${url}\n`);
    },
  });
}
