import { ConfigError, silentLogger, type Logger } from '@tidemark/platform';

import { ServerRefusedError, ServerUnreachableError } from '../errors.js';
import { askPostgres } from './ask-postgres.js';
import { temporaryPostgres } from './temporary-postgres.js';

/** A server for tests and the benchmark, whose superuser the URL names. */
export interface FoundPostgres {
  readonly url: string;
  readonly how: 'given' | 'found' | 'started';
  /** One line for a person: which server was taken. Without secrets. */
  readonly line: string;
  /** Ends the server if it was started here. */
  stop(): Promise<void>;
}

const USUAL_URL = 'postgres://postgres@127.0.0.1:5432/postgres';
/** The oldest that the product is tested with. */
const OLDEST_MAJOR = 15;

/**
 * The server that the setting TIDEMARK_TEST_POSTGRES gives; without one, a local server whose superuser needs no
 * password; else, and for `embedded`, a temporary one. Throws ConfigError for a setting that is neither.
 */
export async function findPostgres(options: {
  setting: string | undefined;
  log?: Logger;
  usualUrl?: string;
}): Promise<FoundPostgres> {
  const { setting, log = silentLogger, usualUrl = USUAL_URL } = options;
  if (setting !== undefined && setting !== '' && setting !== 'embedded') return given(setting);
  const obstacle = setting === 'embedded' ? 'as TIDEMARK_TEST_POSTGRES asks' : await obstacleAt(usualUrl);
  if (obstacle !== undefined) return started(obstacle, log);
  return {
    url: usualUrl,
    how: 'found',
    line: `PostgreSQL: the one at ${new URL(usualUrl).host} (TIDEMARK_TEST_POSTGRES=embedded or a URL for another)`,
    stop: () => Promise.resolve(),
  };
}

function given(setting: string): FoundPostgres {
  if (!URL.canParse(setting) || !/^postgres(ql)?:$/.test(new URL(setting).protocol)) {
    throw new ConfigError("TIDEMARK_TEST_POSTGRES: must be a postgres:// URL or 'embedded'");
  }
  const line = `PostgreSQL: ${new URL(setting).host}, as TIDEMARK_TEST_POSTGRES says`;
  return { url: setting, how: 'given', line, stop: () => Promise.resolve() };
}

async function started(why: string, log: Logger): Promise<FoundPostgres> {
  const server = await temporaryPostgres({ log });
  const line = `PostgreSQL: ${server.version} from the package, started for this run (${why})`;
  return { url: server.url, how: 'started', line, stop: () => server.stop() };
}

const GREETING = `SELECT current_setting('server_version'), current_setting('is_superuser'), pg_is_in_recovery()`;

/** Why the server at `url` cannot be used; undefined if it can. */
export async function obstacleAt(url: string): Promise<string | undefined> {
  try {
    const [row] = await askPostgres(url, GREETING);
    const [version, isSuperuser, isStandby] = row ?? [];
    if (isSuperuser !== 'on') return `at ${new URL(url).host} we are no superuser`;
    if (isStandby === 't') return `the one at ${new URL(url).host} is a standby`;
    if (Number.parseInt(version ?? '', 10) < OLDEST_MAJOR)
      return `the one at ${new URL(url).host} is ${version ?? ''}, too old`;
    return undefined;
  } catch (error) {
    if (error instanceof ServerUnreachableError) return `nobody answers at ${new URL(url).host}`;
    if (error instanceof ServerRefusedError) return `the one at ${new URL(url).host} does not let us in`;
    throw error;
  }
}
