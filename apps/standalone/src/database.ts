import { join } from 'node:path';

import { startPostgres } from '@tidemark/local-services';
import type { OnStop } from '@tidemark/nest';
import type { Logger } from '@tidemark/platform';

import type { StandaloneSettings } from './config.js';

/** The URL of the database that was given, or of one of standalone's own. */
export async function provideDatabase(
  settings: StandaloneSettings,
  { log, onStop }: { log: Logger; onStop: OnStop },
): Promise<string> {
  if (settings.DATABASE_URL !== undefined) return settings.DATABASE_URL;
  const postgres = await startPostgres({ folder: join(settings.TIDEMARK_HOME, 'postgres'), log });
  onStop('PostgreSQL', () => postgres.stop());
  void postgres.exited.then(({ expected, lastLines }) => {
    if (expected) return;
    log.fatal({ lastLines }, 'PostgreSQL ended by itself; the documents are safe, start again');
    process.exit(1);
  });
  return postgres.url;
}
