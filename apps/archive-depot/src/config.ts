import { z } from 'zod';

import { serviceTokens } from '@tidemark/nest';
import { commaList, logLevel, port, readConfig } from '@tidemark/platform';

export const archiveDepotSettings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port(8082),
  /** Of this process alone. */
  TIDEMARK_DEPOT_FOLDER: z.string('a folder for archives is wanted'),
  /** None: everybody may everything, so only from this machine. */
  TIDEMARK_DEPOT_TOKENS: serviceTokens,
  TIDEMARK_AUTH: z.literal('none', 'must be none').optional(),
  /** Names that it is called by where there are no tokens, besides localhost and loopback literals. */
  TIDEMARK_HOSTS: commaList(),
  /** Paths of PEM files, both or none. */
  TIDEMARK_TLS_CERT: z.string().optional(),
  TIDEMARK_TLS_KEY: z.string().optional(),
  TIDEMARK_LOG_LEVEL: logLevel,
});
export type ArchiveDepotSettings = z.infer<typeof archiveDepotSettings>;

export function readArchiveDepotSettings(): ArchiveDepotSettings {
  return readConfig(archiveDepotSettings);
}
