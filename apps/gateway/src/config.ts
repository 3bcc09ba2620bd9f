import { z } from 'zod';

import { grantPrivateKey } from '@tidemark/contracts';
import { serviceTokens } from '@tidemark/nest';
import {
  amqpUrl,
  commaList,
  databaseUrl,
  logLevel,
  port,
  queuePrefix,
  readConfig,
  seconds,
  wholeNumber,
} from '@tidemark/platform';

import { apiTokens } from './callers/api-tokens.js';
import { secretKey } from './secrets/secret-key.js';

/** The longest that a PATCH may be asked to wait for its job. */
export const MAX_WAIT_SECONDS = 600;

const INDEX_URL_WANTED = 'the http:// URL of the index-service is wanted, without a path';

export const gatewaySettings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port(8000),
  /** Where workers claim jobs and tell how they go. */
  TIDEMARK_INTERNAL_HOST: z.string().default('127.0.0.1'),
  TIDEMARK_INTERNAL_PORT: port(8001),
  /** Of the workers that may; none: whoever reaches the port, so only from this machine. */
  TIDEMARK_WORKER_TOKENS: serviceTokens,
  DATABASE_URL: databaseUrl,
  /** Told to workers as well. */
  TIDEMARK_INDEX_URL: z
    .string(INDEX_URL_WANTED)
    .refine(isHttpOrigin, INDEX_URL_WANTED)
    .transform((url) => new URL(url).origin),
  /** Names that this server is called by, besides localhost and loopback literals. */
  TIDEMARK_HOSTS: commaList(),
  TIDEMARK_FILE_ROOTS: commaList(['/var/backup']),
  TIDEMARK_HTTP_ALLOW: commaList(),
  /** Addresses that are not public and may be used all the same, besides those prefixes. */
  TIDEMARK_HTTP_ALLOW_PRIVATE: commaList(),
  TIDEMARK_AUTH: z.literal('none', 'must be none').optional(),
  /** Who may call, and what each may do; none: everybody everything, so only from this machine. */
  TIDEMARK_API_TOKENS: apiTokens,
  /** Signs what workers and the gateway itself may ask of the index-service. */
  TIDEMARK_GRANT_KEY: grantPrivateKey,
  TIDEMARK_SECRET_KEY: secretKey,
  TIDEMARK_LEASE_SECONDS: seconds(30, { min: 0.1, max: 3600 }),
  /** How long a PATCH waits for its job where the caller says nothing. */
  TIDEMARK_PATCH_WAIT_SECONDS: wholeNumber(0, { max: MAX_WAIT_SECONDS }),
  TIDEMARK_LOG_LEVEL: logLevel,
});
export type GatewaySettings = z.infer<typeof gatewaySettings>;

/** What a gateway in a process of its own needs besides; in standalone messages stay in the process. */
export const gatewayProcessSettings = gatewaySettings.extend({ AMQP_URL: amqpUrl, TIDEMARK_QUEUE_PREFIX: queuePrefix });

export function readGatewaySettings(): z.infer<typeof gatewayProcessSettings> {
  return readConfig(gatewayProcessSettings);
}

function isHttpOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'http:' && url.href === `${url.origin}/`;
}
