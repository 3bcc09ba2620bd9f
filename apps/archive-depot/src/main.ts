import { runUntilSignalled } from '@tidemark/nest';
import { createLogger } from '@tidemark/platform';

import { startArchiveDepot } from './archive-depot.js';
import { readArchiveDepotSettings } from './config.js';

await runUntilSignalled({
  service: 'archive-depot',
  start: async (onStop) => {
    const settings = readArchiveDepotSettings();
    const log = createLogger({ service: 'archive-depot', level: settings.TIDEMARK_LOG_LEVEL });
    const { url } = await startArchiveDepot(settings, { log, onStop });
    process.stdout.write(`Tidemark archive-depot is ready at ${url}\n`);
  },
});
