import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { environment, SERVICE_NODE_FLAGS } from '@tidemark/platform';

/** Processes that a system is made of; the first is all of them in one. */
export type AppName = 'standalone' | 'gateway' | 'index-service' | 'transfer-worker' | 'archive-depot';

interface ProcessOptions {
  readonly app: AppName;
  /** Over what the tests themselves were started with; an empty value is one that is not set. */
  readonly settings: Readonly<Record<string, string>>;
  /** A command that runs the one behind it in its own place, such as `nice`. */
  readonly within?: readonly string[];
  /** A script that runs the app named to it, in place of the app's own. */
  readonly script?: string | undefined;
}

/** Of every Linux that Node runs on. */
const TICKS_A_SECOND = 100;
const READY = /^Tidemark (?:\S+ )?is ready at (\S+)/m;

/** One of the apps as it is built, in a process of its own that can be ended and started again. */
export class TestProcess {
  readonly app: AppName;
  readonly #pids = new Set<number>();
  #child: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);
  #url = '';
  #log = '';
  #output = '';

  constructor(private readonly options: ProcessOptions) {
    this.app = options.app;
  }

  /** Where it serves, by its own words. */
  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Whether a pid is, or was, that of one of its starts. */
  isOrWas(pid: number): boolean {
    return this.#pids.has(pid);
  }

  /** Everything that it wrote to its standard error, over all its starts. */
  get log(): string {
    return this.#log;
  }

  /** Everything that it has written to its standard output since it was started last. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when it serves. */
  async start(): Promise<this> {
    const { settings, within = [], app, script } = this.options;
    const main = fileURLToPath(new URL(`../../../apps/${app}/dist/main.js`, import.meta.url));
    const run = script === undefined ? [main] : [script, app];
    const [command = process.execPath, ...rest] = [...within, process.execPath, ...SERVICE_NODE_FLAGS, ...run];
    const child = spawn(command, rest, {
      env: { ...environment(), NODE_OPTIONS: '', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#pids.add(this.pid);
    child.stderr.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    const exited = once(child, 'close').then(([code]) => code as number | null);
    this.#exited = exited;
    this.#output = '';
    this.#url = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
        const url = READY.exec(this.#output)?.[1];
        if (url !== undefined) resolve(url);
      });
      exited.then((code) => reject(new NotReadyError(app, { code, log: this.#log })), reject);
    });
    return this;
  }

  /** Resolves with the exit code when it ends. */
  get ended(): Promise<number | null> {
    return this.#exited;
  }

  /** Resolves when this process, as it was started last, has written a line with this text to its standard error. */
  async toldInLog(text: string): Promise<void> {
    const { stderr } = this.#child ?? {};
    if (!stderr) throw new Error(`${this.app} has not been started`);
    while (!this.#log.includes(text)) await once(stderr, 'data');
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    return await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** It does nothing any more until it is killed or thawed. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Resident memory now and at its highest so far, in bytes, as the operating system counts it. */
  memory(): { now: number; peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const kilobytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    return { now: 1024 * kilobytes('VmRSS'), peak: 1024 * kilobytes('VmHWM') };
  }

  /** Time on a processor so far, of all its threads. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }

  /** The peak counts from here. */
  resetPeak(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#child?.kill(signal);
    return await this.#exited;
  }
}

/** It ended before it served. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
  readonly code: number | null;
  readonly log: string;

  constructor(app: AppName, { code, log }: { code: number | null; log: string }) {
    super(`${app} ended before it was ready:\n${log}`);
    this.code = code;
    this.log = log;
  }
}
