import { TidemarkError } from '@tidemark/contracts';
import { ConfigError, createLogger, environment, logLevel, maskSecrets, sleep, type Logger } from '@tidemark/platform';

import { PortInUseError } from '../http/listen.js';

/** Registers how to stop what has just been started. */
export type OnStop = (name: string, stop: () => Promise<unknown>) => void;

export interface ServiceRun {
  /** Stands before what is told to a person. */
  readonly service: string;
  readonly start: (onStop: OnStop) => Promise<unknown>;
  /** For everything that is to be stopped, together; 20 where nothing is said. */
  readonly graceSeconds?: number;
  /** One of its own at TIDEMARK_LOG_LEVEL where nothing is said. */
  readonly log?: Logger;
  readonly host?: HostProcess;
}

/** What is used of Node's `process`. */
export interface HostProcess {
  on(signal: StopSignal, listener: () => void): unknown;
  exit(code: number): unknown;
  readonly stderr: { write(text: string): unknown };
}

type StopSignal = 'SIGTERM' | 'SIGINT';
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const satisfies Record<StopSignal, number>;

interface StopStep {
  readonly name: string;
  readonly stop: () => Promise<unknown>;
}

/**
 * The life of a process: starts, waits for SIGTERM or SIGINT, stops in the reverse order of starting, and exits with 0.
 * A start that fails is told in one line, what was started is stopped, and the exit code is 1; so it is when stopping
 * fails or is not done within the grace. A second signal exits at once.
 */
export async function runUntilSignalled(run: ServiceRun): Promise<void> {
  const { service, graceSeconds = 20, log = ownLogger(service), host = process } = run;
  const steps: StopStep[] = [];
  const signalled = firstSignal(host);
  const started = run
    .start((name, stop) => steps.unshift({ name, stop }))
    .then(
      () => true,
      (error: unknown) => {
        tellFailedStart({ service, log, host }, error);
        return false;
      },
    );
  const isStarted = await Promise.race([started, signalled.then(() => true)]);
  if (isStarted) log.info({ signal: await signalled }, 'stopping');
  const isClean = await withinGrace(
    graceSeconds,
    started.then(() => stopAll(steps, log)),
  );
  if (isClean === undefined) log.error({ steps: steps.map(({ name }) => name) }, 'not stopped in time');
  host.exit(isStarted && isClean === true ? 0 : 1);
}

/** A level that there is not is told by whoever reads the settings. */
function ownLogger(service: string): Logger {
  const { data: level = 'info' } = logLevel.safeParse(environment().TIDEMARK_LOG_LEVEL);
  return createLogger({ service, level });
}

function firstSignal(host: HostProcess): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let received = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    host.on(signal, () => {
      if (++received > 1) host.exit(128 + SIGNAL_NUMBERS[signal]);
      resolve(signal);
    });
  }
  return promise;
}

/** Takes each step off the list when it is done. A step that fails does not keep the others from being tried. */
async function stopAll(steps: StopStep[], log: Logger): Promise<boolean> {
  let isClean = true;
  for (let step = steps[0]; step; step = steps[0]) {
    try {
      await step.stop();
    } catch (error) {
      log.error({ err: error, step: step.name }, 'could not be stopped');
      isClean = false;
    }
    steps.shift();
  }
  return isClean;
}

/** The result of the work, or undefined when the grace is over first. */
async function withinGrace<T>(seconds: number, work: Promise<T>): Promise<T | undefined> {
  const ended = new AbortController();
  const over = sleep(seconds * 1000, ended.signal).catch(() => undefined);
  try {
    return await Promise.race([work, over.then(() => undefined)]);
  } finally {
    ended.abort();
  }
}

function tellFailedStart(
  { service, log, host }: Required<Pick<ServiceRun, 'service' | 'log' | 'host'>>,
  error: unknown,
): void {
  if (isForPeople(error)) host.stderr.write(`${service}: ${maskSecrets(error.message)}\n`);
  else log.fatal({ err: error }, 'could not start');
}

/** Errors whose message says all that can be done about them; of all others the stack is wanted as well. */
function isForPeople(error: unknown): error is Error {
  if (error instanceof ConfigError || error instanceof PortInUseError || error instanceof TidemarkError) return true;
  return typeof error === 'object' && error !== null && 'syscall' in error;
}
