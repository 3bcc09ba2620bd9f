import { pino, type Logger as PinoLogger } from 'pino';

import { maskSecrets } from './mask-secrets.js';

/** A structured log: `log.info({ jobId }, 'job claimed')`. */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'> & {
  child(bindings: Record<string, unknown>): Logger;
};

/**
 * One JSON line per event on standard error; standard output belongs to what a person asked for. Secrets are masked in
 * the line as it is written, so it does not matter in which message, field or cause of an error one stands.
 */
export function createLogger(options: { service: string; level: string; fd?: number }): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: (line) => `${maskSecrets(line.trimEnd())}\n` },
    },
    pino.destination({ fd: options.fd ?? 2, sync: true }),
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
