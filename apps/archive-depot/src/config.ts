import { isIPv4 } from 'node:net';

import { z } from 'zod';

import { commaList, ConfigError, logLevel, port, readConfig } from '@tidemark/platform';

import { depotTokens } from './callers/depot-tokens.js';

export const archiveDepotSettings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port(8082),
  /** Of this process alone. */
  TIDEMARK_DEPOT_FOLDER: z.string('a folder for archives is wanted'),
  /** None: everybody may everything, so only from this machine. */
  TIDEMARK_DEPOT_TOKENS: depotTokens,
  TIDEMARK_AUTH: z.literal('none', 'must be none').optional(),
  /** Names that it is called by where there are no tokens, besides localhost and loopback literals. */
  TIDEMARK_HOSTS: commaList(),
  TIDEMARK_LOG_LEVEL: logLevel,
});
export type ArchiveDepotSettings = z.infer<typeof archiveDepotSettings>;

export function readArchiveDepotSettings(): ArchiveDepotSettings {
  return readConfig(archiveDepotSettings);
}

/** Throws ConfigError where others than this machine could reach a depot that lets everybody in. */
export function checkExposure({ HOST, TIDEMARK_AUTH, TIDEMARK_DEPOT_TOKENS }: ArchiveDepotSettings): void {
  const hasTokens = TIDEMARK_DEPOT_TOKENS.length > 0;
  if (hasTokens && TIDEMARK_AUTH === 'none') {
    throw new ConfigError('TIDEMARK_AUTH=none lets everybody in, TIDEMARK_DEPOT_TOKENS does not: unset one of them');
  }
  if (isLoopback(HOST) || TIDEMARK_AUTH === 'none' || hasTokens) return;
  throw new ConfigError(
    'HOST is not a loopback address, and without TIDEMARK_DEPOT_TOKENS anybody who reaches it could read and replace ' +
      'archives: leave HOST at 127.0.0.1, set TIDEMARK_DEPOT_TOKENS, or TIDEMARK_AUTH=none if that is what you want',
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
