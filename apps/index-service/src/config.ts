import { z } from 'zod';

import { grantPublicKey } from '@tidemark/contracts';
import { databaseUrl, logLevel, parallelism, port, readConfig, wholeNumber } from '@tidemark/platform';

export const indexServiceSettings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port(8081),
  DATABASE_URL: databaseUrl,
  /** Where others reach this very replica; snapshots and staged generations live in one process. */
  TIDEMARK_ADVERTISE_URL: z.url('must be a URL').optional(),
  /** Checks what the gateway has signed. */
  TIDEMARK_GRANT_KEY: grantPublicKey,
  /** A part ends with the row that brings it to so many bytes of rows. */
  TIDEMARK_PART_BYTES: wholeNumber(8 * 1024 * 1024, { min: 64 * 1024, max: 256 * 1024 * 1024 }),
  TIDEMARK_PARALLELISM: parallelism,
  TIDEMARK_LOG_LEVEL: logLevel,
});
export type IndexServiceSettings = z.infer<typeof indexServiceSettings>;

export function readIndexServiceSettings(): IndexServiceSettings {
  return readConfig(indexServiceSettings);
}
