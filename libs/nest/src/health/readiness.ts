import type { Logger } from '@tidemark/platform';
import { TidemarkError } from '@tidemark/contracts';

/** Says what is wrong, in words for the person on call; nothing where all is well. May also throw. */
export type HealthCheck = (signal: AbortSignal) => readonly string[] | Promise<readonly string[]>;

export interface ReadinessReport {
  readonly ready: boolean;
  /** By the name of each check; empty where all is well. */
  readonly problems: Readonly<Record<string, readonly string[]>>;
}

export interface ReadinessOptions {
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly log: Logger;
  /** For each check; 2 s where nothing is said. */
  readonly limitMillis?: number;
}

const LIMIT_MILLIS = 2_000;

/** Runs the named checks side by side, each within a bound. However many ask, they run once at a time. */
export class Readiness {
  #running: Promise<ReadinessReport> | undefined;
  #last = '';

  constructor(private readonly options: ReadinessOptions) {}

  report(): Promise<ReadinessReport> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #run(): Promise<ReadinessReport> {
    const checks = Object.entries(this.options.checks);
    const results = await Promise.all(
      checks.map(async ([name, check]) => [name, await this.#problemsOf(check)] as const),
    );
    const problems = Object.fromEntries(results);
    const report = { ready: results.every(([, found]) => found.length === 0), problems };
    this.#logChange(report);
    return report;
  }

  async #problemsOf(check: HealthCheck): Promise<readonly string[]> {
    const limitMillis = this.options.limitMillis ?? LIMIT_MILLIS;
    const signal = AbortSignal.timeout(limitMillis);
    const { promise: late, resolve } = Promise.withResolvers<readonly string[]>();
    const onLate = (): void => resolve([`no answer within ${limitMillis / 1000} s`]);
    signal.addEventListener('abort', onLate, { once: true });
    try {
      return await Promise.race([check(signal), late]);
    } catch (error) {
      this.options.log.debug({ err: error }, 'a health check failed');
      return [error instanceof TidemarkError ? error.message : 'the check failed'];
    } finally {
      signal.removeEventListener('abort', onLate);
    }
  }

  #logChange({ ready, problems }: ReadinessReport): void {
    const state = JSON.stringify(problems);
    if (state !== this.#last && (this.#last !== '' || !ready)) {
      this.options.log[ready ? 'info' : 'warn']({ problems }, ready ? 'ready' : 'not ready');
    }
    this.#last = state;
  }
}
