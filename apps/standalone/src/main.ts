import { runUntilSignalled } from '@tidemark/nest';
import { createLogger } from '@tidemark/platform';

import { banner } from './banner.js';
import { readStandaloneSettings } from './config.js';
import { startStandalone } from './standalone.js';

await runUntilSignalled({
  service: 'tidemark',
  log: createLogger({ service: 'standalone', level: 'warn' }),
  start: async (onStop) => {
    const settings = readStandaloneSettings();
    const log = createLogger({ service: 'standalone', level: settings.TIDEMARK_LOG_LEVEL });
    const started = await startStandalone(settings, { log, onStop });
    process.stdout.write(`${await banner(started, settings)}\n`);
  },
});
