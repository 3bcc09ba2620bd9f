import type { onRequestHookHandler } from 'fastify';

import { isLoopback, serviceTokenCheck } from '@tidemark/nest';
import { ConfigError } from '@tidemark/platform';

import type { GatewaySettings } from '../config.js';

const SETTING = 'TIDEMARK_WORKER_TOKENS';

/** Throws ConfigError where others than this machine could reach an internal port that lets everybody in. */
export function checkInternalHost(settings: GatewaySettings): void {
  const { TIDEMARK_INTERNAL_HOST: host, TIDEMARK_WORKER_TOKENS: tokens } = settings;
  if (tokens.length > 0 || host === 'localhost' || isLoopback(host)) return;
  throw new ConfigError(
    `TIDEMARK_INTERNAL_HOST is not a loopback address, and without ${SETTING} anybody who reaches it could claim ` +
      `jobs, with the secrets of their destinations: leave TIDEMARK_INTERNAL_HOST at 127.0.0.1, or set ${SETTING}`,
  );
}

/** Hooks that let through only workers with a token; none where there are no tokens. */
export function workerCheck({ TIDEMARK_WORKER_TOKENS: tokens }: GatewaySettings): onRequestHookHandler[] {
  return tokens.length > 0 ? [serviceTokenCheck(tokens, SETTING)] : [];
}
