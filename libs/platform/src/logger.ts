import { pino, type Logger as PinoLogger } from 'pino';

/** A structured log: `log.info({ jobId }, 'job claimed')`. */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'> & {
  child(bindings: Record<string, unknown>): Logger;
};

/** One JSON line per event on standard error; standard output belongs to what a person asked for. */
export function createLogger(options: { service: string; level: string }): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: ['bearer', '*.bearer', 'authorization', '*.authorization'], censor: '***' },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
