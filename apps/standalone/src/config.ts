import { homedir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { archiveDepotSettings } from '@tidemark/archive-depot';
import { commaList, databaseUrl, environment, logLevel, port, readConfig, type Environment } from '@tidemark/platform';

/** What standalone reads itself; the settings of the apps in it are theirs, with the same names. */
const standaloneSettings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port(8000),
  /** Documents, archives and keys live there. */
  TIDEMARK_HOME: z.string().startsWith('/', 'must be an absolute path').optional(),
  XDG_DATA_HOME: z.string().optional(),
  /** Where it is not set, a PostgreSQL of standalone's own keeps the documents. */
  DATABASE_URL: databaseUrl.optional(),
  /** Where it is not set, a key of the home's own seals the secrets of requests. */
  TIDEMARK_SECRET_KEY: z.string().optional(),
  /** The gateway's; whether there are any is told at the start. */
  TIDEMARK_API_TOKENS: z.string().optional(),
  TIDEMARK_FILE_ROOTS: commaList(['/var/backup']),
  /** Gateway's and worker's; where neither is set, their own depot is allowed. */
  TIDEMARK_HTTP_ALLOW: z.string().optional(),
  TIDEMARK_HTTP_ALLOW_PRIVATE: z.string().optional(),
  /** Of the depot, which only this machine reaches. */
  TIDEMARK_DEPOT_PORT: port(8082),
  TIDEMARK_DEPOT_TOKENS: archiveDepotSettings.shape.TIDEMARK_DEPOT_TOKENS,
  TIDEMARK_LOG_LEVEL: logLevel.default('warn'),
});

export interface StandaloneSettings extends Omit<z.infer<typeof standaloneSettings>, 'XDG_DATA_HOME'> {
  readonly TIDEMARK_HOME: string;
  /** All that was set, for the apps. */
  readonly environment: Environment;
}

export function readStandaloneSettings(): StandaloneSettings {
  const { XDG_DATA_HOME, TIDEMARK_HOME = defaultHome(XDG_DATA_HOME), ...settings } = readConfig(standaloneSettings);
  const roots = [...settings.TIDEMARK_FILE_ROOTS, join(TIDEMARK_HOME, 'backups')];
  return { ...settings, TIDEMARK_HOME, TIDEMARK_FILE_ROOTS: roots, environment: environment() };
}

/** Not below root's own home: PostgreSQL runs as another user, who could not enter it. */
function defaultHome(dataHome: string | undefined): string {
  if (process.getuid?.() === 0) return '/var/lib/tidemark';
  return join(dataHome ?? join(homedir(), '.local', 'share'), 'tidemark');
}
