import { DOCUMENT_INDEX_LINK, UNOBSERVED, type Steps } from '@tidemark/contracts';
import { openDocumentIndex } from '@tidemark/document-index';
import { createHttpApplication, listen, type OnStop } from '@tidemark/nest';
import { createMetrics, Loop, systemClock, type Logger } from '@tidemark/platform';

import type { IndexServiceSettings } from './config.js';
import { grantCheck } from './grants/grant-check.js';
import { IndexServiceModule } from './index-service.module.js';
import { startErrorOf } from './unusable-database.js';

export interface IndexService {
  /** Base URL that this replica listens at. */
  readonly url: string;
}

const SWEEP_MILLIS = 10_000;

/** Opens the index and serves it; registers how each piece is stopped. */
export async function startIndexService(
  settings: IndexServiceSettings,
  { log, onStop, steps = UNOBSERVED }: { log: Logger; onStop: OnStop; steps?: Steps },
): Promise<IndexService> {
  const index = await openDocumentIndex({
    databaseUrl: settings.DATABASE_URL,
    parallelism: settings.TIDEMARK_PARALLELISM,
    log,
  }).catch((error: unknown) => {
    throw startErrorOf(error);
  });
  onStop('document index', () => index.close());
  const sweep = new Loop({ name: 'the sweep of generations', everyMillis: SWEEP_MILLIS, log }, async () => {
    await index.sweep();
  });
  sweep.start();
  onStop('sweep of generations', () => sweep.stop());

  const metrics = createMetrics('index-service');
  let url = '';
  const sessions = {
    advertisedUrl: () => settings.TIDEMARK_ADVERTISE_URL ?? url,
    partBytes: settings.TIDEMARK_PART_BYTES,
  };
  const key = settings.TIDEMARK_GRANT_KEY;
  const onRequest = [grantCheck({ key, index: DOCUMENT_INDEX_LINK, clock: systemClock, log })];
  const module = IndexServiceModule.register({ index, sessions, steps, metrics, log });
  const app = await createHttpApplication(module, { log, metrics, onRequest });
  onStop('http', () => app.close());
  url = await listen(app, { host: settings.HOST, port: settings.PORT, setting: 'PORT' });
  log.info({ url }, 'index-service is listening');
  return { url };
}
