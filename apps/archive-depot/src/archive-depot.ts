import {
  checkExposure,
  createHttpApplication,
  hostAndOriginCheck,
  listen,
  serviceTokenCheck,
  type HttpLimits,
  type OnStop,
} from '@tidemark/nest';
import { createMetrics, Loop, systemClock, type Clock, type Logger } from '@tidemark/platform';

import { ArchiveDepotModule } from './archive-depot.module.js';
import type { ArchiveDepotSettings } from './config.js';
import { createFigures } from './figures.js';
import { openStore } from './store/store.js';
import { readTlsFiles } from './tls-files.js';

export interface ArchiveDepotParts {
  readonly log: Logger;
  readonly onStop: OnStop;
  readonly clock?: Clock;
  readonly limits?: Partial<HttpLimits>;
}

const DEPOT_TOKENS = 'TIDEMARK_DEPOT_TOKENS';
const SWEEP_MILLIS = 10 * 60_000;

/** Opens the folder and serves it; registers how each piece is stopped. */
export async function startArchiveDepot(
  settings: ArchiveDepotSettings,
  { log, onStop, clock = systemClock, limits = {} }: ArchiveDepotParts,
): Promise<{ readonly url: string }> {
  const tokens = settings.TIDEMARK_DEPOT_TOKENS;
  checkExposure({
    host: settings.HOST,
    auth: settings.TIDEMARK_AUTH,
    tokens: { setting: DEPOT_TOKENS, given: tokens.length > 0 },
    danger: 'read and replace archives',
  });
  const tls = await readTlsFiles(settings);
  const store = await openStore(settings.TIDEMARK_DEPOT_FOLDER, { clock, log });
  const sweep = new Loop({ name: 'the sweep of uploads', everyMillis: SWEEP_MILLIS, log }, () => store.uploads.sweep());
  sweep.start();
  onStop('sweep of uploads', () => sweep.stop());
  const metrics = createMetrics('archive-depot');
  const module = ArchiveDepotModule.register({ store, figures: createFigures(metrics, store), metrics, log });
  const onRequest = [
    tokens.length > 0 ? serviceTokenCheck(tokens, DEPOT_TOKENS) : hostAndOriginCheck(settings.TIDEMARK_HOSTS),
  ];
  const app = await createHttpApplication(module, { log, metrics, onRequest, limits, streamAll: true, tls });
  onStop('http', () => app.close());
  const url = await listen(app, { host: settings.HOST, port: settings.PORT, setting: 'PORT' });
  log.info({ url }, 'archive-depot is listening');
  return { url };
}
