import { runUntilSignalled } from '@tidemark/nest';
import { createLogger } from '@tidemark/platform';

import { banner } from '../banner.js';
import { readServicesSettings } from './config.js';
import { startServices } from './services.js';

/** Each of the services gives itself 20 seconds, the servers have theirs. */
const GRACE_SECONDS = 90;

await runUntilSignalled({
  service: 'tidemark',
  graceSeconds: GRACE_SECONDS,
  log: createLogger({ service: 'services', level: 'warn' }),
  start: async (onStop) => {
    const settings = readServicesSettings();
    const log = createLogger({ service: 'services', level: settings.TIDEMARK_LOG_LEVEL });
    const { broker, processes, ...started } = await startServices(settings, { log, onStop });
    const lines = processes.map(({ name, url, pid }) => `${name.padEnd(15)} ${url} (pid ${pid})`);
    process.stdout.write(`${await banner(started, settings, [...lines, broker])}\n`);
  },
});
