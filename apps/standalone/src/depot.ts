import { join } from 'node:path';

import { archiveDepotSettings, startArchiveDepot } from '@tidemark/archive-depot';
import { PortInUseError, type OnStop } from '@tidemark/nest';
import { ConfigError, readConfig, type Environment, type Logger } from '@tidemark/platform';

import type { StandaloneSettings } from './config.js';

export const DEPOT_PORT_SETTING = 'TIDEMARK_DEPOT_PORT';
const DEPOT_HOST = '127.0.0.1';

/**
 * Whether there is to be a depot. One without tokens lets every user of this machine in, so where the API has tokens it
 * would be a way round them.
 */
export function wantsDepot({ TIDEMARK_API_TOKENS: api, TIDEMARK_DEPOT_TOKENS: own }: StandaloneSettings): boolean {
  return api === undefined || own.length > 0;
}

/** Whether the user has said nothing about URLs, so that destinations may be in the system's own depot. */
export function allowsOwnDepot(settings: StandaloneSettings): boolean {
  return settings.TIDEMARK_HTTP_ALLOW === undefined && settings.TIDEMARK_HTTP_ALLOW_PRIVATE === undefined;
}

/** All that the depot is given: it gets no setting, and so no secret, that is another's. */
export function depotSettings(settings: StandaloneSettings, port: number): Environment {
  return {
    HOST: DEPOT_HOST,
    PORT: String(port),
    TIDEMARK_DEPOT_FOLDER: join(settings.TIDEMARK_HOME, 'depot'),
    TIDEMARK_DEPOT_TOKENS: settings.environment.TIDEMARK_DEPOT_TOKENS,
    TIDEMARK_LOG_LEVEL: settings.TIDEMARK_LOG_LEVEL,
  };
}

/**
 * What gateway and worker may use where the user says nothing: their own depot, by both names of its address. Not ::1,
 * where it does not listen and somebody else may: a `localhost` that leads to both leads to the depot.
 */
export function allowedDestinations(settings: StandaloneSettings, depotUrl: string | undefined): Environment {
  if (depotUrl === undefined || !allowsOwnDepot(settings)) return {};
  const urls = [DEPOT_HOST, 'localhost'].map((host) => `${depotUrl.replace(DEPOT_HOST, host)}/archives`);
  return { TIDEMARK_HTTP_ALLOW: urls.join(','), TIDEMARK_HTTP_ALLOW_PRIVATE: DEPOT_HOST };
}

/** The depot in this process; undefined where there is to be none. */
export async function startOwnDepot(
  settings: StandaloneSettings,
  parts: { log: Logger; onStop: OnStop },
): Promise<string | undefined> {
  if (!wantsDepot(settings)) return undefined;
  const own = readConfig(archiveDepotSettings, depotSettings(settings, settings.TIDEMARK_DEPOT_PORT));
  try {
    return (await startArchiveDepot(own, parts)).url;
  } catch (error) {
    throw underOurNames(error);
  }
}

/** With the settings that are set here in place of the depot's. */
function underOurNames(error: unknown): unknown {
  if (error instanceof PortInUseError) return new PortInUseError(error.port, DEPOT_PORT_SETTING, error);
  if (!(error instanceof ConfigError)) return error;
  const message = error.message.replace('TIDEMARK_DEPOT_FOLDER: the folder', 'TIDEMARK_HOME: the folder depot in it');
  return new ConfigError(message, { cause: error });
}
