import type { LoggerService } from '@nestjs/common';

import type { Logger } from '@tidemark/platform';

/** What Nest reports by itself, in our log. Its chatter at start is for debugging only. */
export class NestLogger implements LoggerService {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log.child({ from: 'nest' });
  }

  log(message: unknown, ...more: unknown[]): void {
    this.#log.debug(facts(message, more));
  }

  debug(message: unknown, ...more: unknown[]): void {
    this.#log.debug(facts(message, more));
  }

  verbose(message: unknown, ...more: unknown[]): void {
    this.#log.trace(facts(message, more));
  }

  warn(message: unknown, ...more: unknown[]): void {
    this.#log.warn(facts(message, more));
  }

  /** A failure to start is thrown as well, and told by whoever catches it. */
  error(message: unknown, ...more: unknown[]): void {
    if (more.at(-1) !== 'ExceptionHandler') this.#log.error(facts(message, more));
  }

  fatal(message: unknown, ...more: unknown[]): void {
    this.#log.fatal(facts(message, more));
  }
}

/** Nest passes its class name last, and where it has one a stack trace before it. */
function facts(message: unknown, more: readonly unknown[]): Record<string, unknown> {
  const context = more.at(-1);
  const rest = more.slice(0, -1).filter((each) => each !== undefined);
  return {
    ...(message instanceof Error ? { err: message } : { msg: String(message) }),
    ...(context === undefined ? {} : { context }),
    ...(rest.length > 0 ? { more: rest } : {}),
  };
}
